"""`ablate`: ordinary run folders, one a variant, and what is said of their differences."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest

from emma_eval.cli.main import main
from emma_eval.models.emma.model import EmmaModel
from emma_eval.reports.comparison import SIGNIFICANT
from emma_eval.results.responses import read_responses
from tests.tiny_checkpoint import TinyCheckpoint

CHOSEN = "alignment_off,other_instruction,no_image"


@pytest.fixture
def ablate(ask_emma):
    return partial(ask_emma, "ablate")


def test_variants_are_runs_beside_the_full_one(ablate, place):
    root, checkpoint = place
    shown = ablate("--variants", CHOSEN).out
    out = root / "out"
    assert [line.split()[0] for line in shown.splitlines()[2:7]] == ["variant", "full", *CHOSEN.split(",")]
    given = ["--model", checkpoint, "--tasks", "pope", "--data", root, "--allow-partial", "--output", root / "plain"]
    assert main(["run", *map(str, given)]) == 0
    for file in ("scores.json", "samples/pope.jsonl", "statistics/pope.json"):
        assert (out / "full" / file).read_bytes() == (root / "plain" / file).read_bytes(), file
    full, other, none = (
        read_responses(out / name / "responses" / "pope.jsonl") for name in ("full", "other_instruction", "no_image")
    )
    instructions = {one.sample_id: one.instruction for one in full}
    assert all(one.instruction != instructions[one.sample_id] for one in other)
    assert {one.instruction for one in other} == set(instructions.values())
    assert all("<image>" not in one.prompt for one in none)

    file = json.loads((out / "ablation.json").read_text())
    (task,) = file["tasks"]
    scores = {name: json.loads((out / name / "scores.json").read_text()) for name in CHOSEN.split(",")}
    for one in task["variants"]:
        (metric,) = (
            metric
            for metric in scores[one["variant"]]["tasks"][0]["metrics"]
            if metric["name"] == "f1" and not metric["group"]
        )
        assert one["value"] == metric["value"]
        assert one["difference"] == pytest.approx(metric["value"] - task["full"])
        assert one["p_holm"] >= one["p"]
    found = sum(one["p_holm"] < SIGNIFICANT for one in task["variants"])
    assert f"{3 - found} of 3 comparisons show no significant difference" in " ".join(shown.split())
    assert "| no_image |" in (out / "ablation.md").read_text()


def test_a_variant_is_never_taken_for_the_model(ablate, place, capsys):
    root, checkpoint = place
    ablate("--variants", CHOSEN)
    full, variant = (
        json.loads((root / "out" / name / "manifest.json").read_text()) for name in ("full", "other_instruction")
    )
    assert full["model"]["source"] == str(checkpoint)
    assert variant["model"]["name"] == "tiny-emma, other_instruction"
    assert variant["model"]["weights"] != full["model"]["weights"]
    assert variant["settings"]["model_options"] == {"variant": '{"instruction": "other"}'}
    assert variant["tasks"]["pope"]["prompts"] != full["tasks"]["pope"]["prompts"]
    (task,) = json.loads((root / "out" / "other_instruction" / "scores.json").read_text())["tasks"]
    assert (
        "variant other_instruction of tiny-emma: the text encoder reads another question of the task" in task["notes"]
    )
    folder = root / "out" / "no_image"
    given = ["--model", checkpoint, "--tasks", "pope", "--data", root, "--allow-partial", "--output", folder]
    assert main(["run", *map(str, given)]) == 2
    assert "holds a different run" in capsys.readouterr().err


def test_the_same_command_goes_on_and_another_definition_does_not(ablate, place, tmp_path):
    file = tmp_path / "mine.yaml"
    text = "variants:\n  mine: {words: another image, image: other, seed: 3}\n"
    file.write_text(text)
    output = place[0] / "mine"
    ablate("--variants", file, output=output)
    responses = output / "mine" / "responses" / "pope.jsonl"
    whole, scores = read_responses(responses), (output / "mine" / "scores.json").read_bytes()
    lines = responses.read_text().splitlines(keepends=True)
    responses.write_text("".join(lines[:4]))  # as a session that was killed leaves it
    ablate("--variants", file, output=output)
    again = {one.sample_id: one.text for one in read_responses(responses)}
    assert again == {one.sample_id: one.text for one in whole}
    assert (output / "mine" / "scores.json").read_bytes() == scores
    file.write_text(text.replace("seed: 3", "seed: 4"))
    assert "holds a different run" in ablate("--variants", file, output=output, code=2).err


def test_a_page_shows_the_images_that_each_run_showed(ablate, place, tmp_path):
    root, out = place[0], tmp_path / "out"
    ablate("--variants", "text_off,other_image,no_image", output=out)
    runs = [str(out / name) for name in ("full", "text_off", "other_image", "no_image")]
    assert main(["report", *runs, "--data", str(root), "--output", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "index.html").read_text()
    (chunk,) = (json.loads(text) for text in re.findall(r'id="chunk-0"[^>]*>(.*?)</script>', page, re.DOTALL))
    for entry in chunk["entries"]:
        assert entry["captions"] == ["tiny-emma, tiny-emma, text_off", "tiny-emma, other_image"]
        assert sorted(entry["images"]) == [0, 1]  # of two images the other one
    assert main(["report", runs[3], "--data", str(root), "--output", str(tmp_path / "none")]) == 0
    page = (tmp_path / "none" / "index.html").read_text()
    (chunk,) = (json.loads(text) for text in re.findall(r'id="chunk-0"[^>]*>(.*?)</script>', page, re.DOTALL))
    assert not any(entry["images"] for entry in chunk["entries"])
    assert main(["export", runs[2], "--format", "lmms-eval", "--data", str(root), "--output", str(tmp_path / "l")]) == 2


def test_an_image_goes_through_the_vision_tower_once_for_all_variants(ablate, tmp_path, monkeypatch):
    encoded = []
    encode = EmmaModel.encode_images

    def counted(model, pixels):
        encoded.append(len(pixels))
        return encode(model, pixels)

    monkeypatch.setattr(EmmaModel, "encode_images", counted)
    ablate("--variants", "alignment_off,text_off,empty_instruction,other_image", output=tmp_path / "a")
    assert sum(encoded) == 2  # of twelve questions on two images, in five runs


def test_llava_takes_variants_of_the_image_alone(ablate, tmp_path):
    llava = TinyCheckpoint(version=None, text_layer=None, text_feature=None, alignment=False).write(tmp_path)
    error = ablate("--variants", "text_off,no_image", model=llava, output=tmp_path / "a", code=2).err
    assert "has no alignment module and reads no instruction: text_off can't be asked of it" in error
    shown = ablate("--limit", "4", model=llava, output=tmp_path / "b").out
    assert "not run: alignment_off, text_off" in shown
    assert sorted(path.name for path in (tmp_path / "b").iterdir() if path.is_dir()) == sorted(
        ["full", "blurred_image", "blank_image", "other_image", "no_image"]
    )


def test_what_is_refused_before_anything_is_answered(ablate, tmp_path):
    error = ablate("--limit", "1", "--variants", "other_image", output=tmp_path / "a", code=2).err
    assert "one image" in error
    assert "ask more samples, or name the variants without it by --variants" in error
    assert "no device 'gpu'" in ablate("--device", "gpu", output=tmp_path / "a", code=2).err
    assert not (tmp_path / "a").exists()


def test_another_definition_is_refused_before_other_variants_are_answered(ablate, tmp_path):
    file = tmp_path / "mine.yaml"
    second = "  second: {words: b, image: none}\n"
    file.write_text("variants:\n" + second)
    ablate("--variants", file, "--limit", "4", output=tmp_path / "out")
    file.write_text("variants:\n  first: {words: a, image: blank}\n" + second.replace("none", "blank"))
    error = ablate("--variants", file, "--limit", "4", output=tmp_path / "out", code=2).err
    assert """variant second was {"image": "none"} and is {"image": "blank"} now""" in " ".join(error.split())
    assert not (tmp_path / "out" / "first").exists()


def test_a_template_without_system_text_is_told_after_the_first_run(ablate, tmp_path):
    given = ("--model-option", "template=plain", "--variants", "no_image,system_instruction")
    assert "'plain' has no system text" in ablate(*given, output=tmp_path / "a", code=2).err
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["full"]
