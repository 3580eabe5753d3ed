"""`robustness`: ordinary run folders, one a variant, on files in the benchmarks' official formats."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from emma_eval.cli.main import main
from emma_eval.results.responses import read_responses
from tests.fakes import FakeEngine, FakeHandle
from tests.tiny_datasets import save_image, write_json

VARIANTS = "leading_yes,negated,swapped,rephrased_see,rephrased_in_image"


def write_amber(root):
    """Four questions about existence, all to be denied as in AMBER, two about a state, and one in other words."""
    asked = [
        (11, "AMBER_1.jpg", "Is there a cloud in this image?", "discriminative-hallucination", "no"),
        (12, "AMBER_1.jpg", "Is there a sun in this image?", "discriminative-hallucination", "no"),
        (13, "AMBER_2.jpg", "Is there a ship in this image?", "discriminative-hallucination", "no"),
        (14, "AMBER_2.jpg", "Is there a bird in this image?", "discriminative-hallucination", "no"),
        (15, "AMBER_1.jpg", "Is the sky sunny in this image?", "discriminative-attribute-state", "yes"),
        (16, "AMBER_1.jpg", "Is the sky gloomy in this image?", "discriminative-attribute-state", "no"),
        (17, "AMBER_2.jpg", "Is it wet?", "relation", "yes"),
    ]
    data = root / "amber" / "data"
    seen = [
        {"id": 1, "type": "generative", "truth": ["sky", "sun"], "hallu": ["cloud"]},
        {"id": 2, "type": "generative", "truth": ["sea"], "hallu": ["bird"]},
    ]
    write_json(data / "annotations.json", [*seen, *({"id": a, "type": d, "truth": e} for a, _, _, d, e in asked)])
    queries = [{"id": a, "image": b, "query": c} for a, b, c, _, _ in asked]
    write_json(data / "query" / "query_discriminative.json", queries)
    described = [{"id": i, "image": f"AMBER_{i}.jpg", "query": "Describe this image."} for i in (1, 2)]
    write_json(data / "query" / "query_generative.json", described)
    for number in (1, 2):
        save_image(root / "amber" / "image" / f"AMBER_{number}.jpg", number)


class Parrot(FakeEngine):
    """Denies that there are clouds, ships, birds and gloom, and whatever is said not to be; else agrees."""

    def respond(self, request):
        question = request.message.split("\n")[1]
        denies = any(word in question for word in ("cloud", "ship", "bird", "gloomy", " no ", " not "))
        return replace(super().respond(request), text="No" if denies else "Yes")


@pytest.fixture
def place(tmp_path):
    write_amber(tmp_path)
    return tmp_path


@pytest.fixture
def robustness(place, at_80_columns, monkeypatch):
    def call(*arguments, engine=None, output=place / "out", code=0):
        monkeypatch.setattr("emma_eval.robustness.running.find_model", lambda spec: FakeHandle(engine or Parrot()))
        given = ["--tasks", "amber_discriminative", "--data", place, "--allow-partial", "--output", output]
        return at_80_columns("robustness", "fake", *given, *arguments, code=code)

    return call


def prompts_of(run):
    """Sample id -> the prompt that it was asked with."""
    return {one.sample_id: one.prompt for one in read_responses(run / "responses" / "amber_discriminative.jsonl")}


def test_each_variant_is_a_run_with_its_own_questions_and_right_answers(robustness, place):
    shown = robustness("--variants", VARIANTS).out
    out = place / "out"
    prompts = prompts_of(out / "negated")
    assert "Is it true that there is no cloud in this image?" in prompts["11"]
    assert "Is it true that the sky is not sunny in this image?" in prompts["15"]
    assert "17" not in prompts
    swapped = {
        one.sample_id: one.prompt for one in read_responses(out / "swapped_object/responses/amber_discriminative.jsonl")
    }
    assert "Is there a sky in this image?" in swapped["11"]
    assert "Is there a sea in this image?" in swapped["14"]
    assert set(swapped) == {"11", "12", "13", "14"}
    manifest = json.loads((out / "negated" / "manifest.json").read_text())
    assert manifest["model"]["name"] == "fake, negated"
    assert json.loads(manifest["settings"]["model_options"]["variant"])["answer"] == "flipped"
    (scored,) = json.loads((out / "negated" / "scores.json").read_text())["tasks"]
    assert not scored["complete"]
    assert any(note.startswith("variant negated of fake: the question negated") for note in scored["notes"])
    assert "not asked of 1: the question has no form" in " ".join(shown.split())


def test_what_is_found(robustness, place):
    robustness("--variants", VARIANTS)
    found = json.loads((place / "out" / "robustness.json").read_text())
    (task,) = found["tasks"]
    assert task["original"] == pytest.approx(6 / 7)  # it sees a sun
    by_name = {one["variant"]: one for one in task["variants"]}
    negated = by_name["negated"]
    assert (negated["asked"], negated["left_out"]) == (6, {"the question has no form that the variant knows": 1})
    # it denies all that is negated: right for the sunny sky alone, and for the sun that it saw
    assert negated["score"]["original"] == pytest.approx(5 / 6)
    assert negated["score"]["value"] == pytest.approx(1 / 6)
    assert (negated["right_to_wrong"], negated["wrong_to_right"]) == (4, 0)
    assert negated["consistency"]["value"] == pytest.approx(2 / 6)
    assert negated["metric"] is None
    assert by_name["swapped_object"]["both_right"]["value"] == pytest.approx(3 / 4)
    assert by_name["leading_yes"]["consistency"]["value"] == 1
    assert by_name["leading_yes"]["metric"]["name"] == "f1"
    assert by_name["leading_yes"]["metric"]["difference"] == 0
    with (place / "out" / "robustness.csv").open() as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    assert float(rows["negated"]["difference"]) == negated["score"]["difference"]
    with (place / "out" / "robustness-answers.csv").open() as file:
        changed = [row for row in csv.DictReader(file) if row["variant"] == "negated"]
    assert [(row["id"], row["answer"], row["changed_answer"], row["same_meaning"]) for row in changed] == [
        ("11", "No", "No", "no"),
        ("13", "No", "No", "no"),
        ("14", "No", "No", "no"),
        ("16", "No", "No", "no"),
    ]
    page = (place / "out" / "robustness.html").read_text()
    assert "Robustness of fake" in page
    assert "| negated | 6 |" in (place / "out" / "robustness.md").read_text()


def test_the_original_is_the_run_that_run_makes(robustness, place, monkeypatch):
    robustness("--variants", "negated")
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(Parrot()))
    given = ["--tasks", "amber_discriminative", "--data", place, "--allow-partial", "--output", place / "plain"]
    assert main(["run", "--model", "fake", *map(str, given)]) == 0
    for file in ("scores.json", "samples/amber_discriminative.jsonl", "statistics/amber_discriminative.json"):
        assert (place / "out/original" / file).read_bytes() == (place / "plain" / file).read_bytes(), file


def test_the_same_command_goes_on_where_it_was_killed(robustness, place):
    robustness("--variants", VARIANTS, output=place / "whole")
    robustness("--variants", VARIANTS, engine=Parrot(stop_after=10), code=130)
    assert not (place / "out/robustness.json").exists()
    log = place / "out/leading_yes/responses/amber_discriminative.jsonl"
    log.write_bytes(log.read_bytes()[:-9])  # within a line, as a kill leaves it
    rest = Parrot()
    robustness("--variants", VARIANTS, engine=rest)
    assert len(rest.requests) == 7 + 6 + 6 + 4 + 6 + 6 - 9
    for file in ("robustness.json", "robustness.csv", "robustness-answers.csv", "negated/scores.json"):
        assert (place / "out" / file).read_bytes() == (place / "whole" / file).read_bytes(), file


def test_what_is_refused_before_anything_is_answered(robustness, place):
    engine = Parrot()
    error = robustness("--variants", "options", engine=engine, output=place / "a", code=2).err
    assert "none of these variants asks a question of amber_discriminative" in error
    (place / "amber/data/query/query_generative.json").write_text("[{]")
    assert "query_generative.json" in robustness("--variants", "swapped", engine=engine, output=place / "b", code=2).err
    assert not engine.requests
    robustness("--variants", "negated", engine=engine, output=place / "c")  # which needs no object


def test_corrupted_images_reach_the_model(robustness, place):
    seen = []

    class Looking(Parrot):
        def respond(self, request):
            seen.append(request.images[0].open().tobytes())
            return super().respond(request)

    robustness("--variants", "brightness_5", engine=Looking())
    assert len(seen) == 14
    assert not set(seen[:7]) & set(seen[7:])
