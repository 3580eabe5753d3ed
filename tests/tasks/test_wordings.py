"""A task may hold a wording for each model family; a model is asked in its own unless another is requested."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile, UnpaddedImage
from emma_eval.inference.engine import EngineDescription
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.templates import render_for_family
from emma_eval.prompts.building import build_requests
from emma_eval.reports.column_assignment import not_comparable
from emma_eval.results.scores import read_scores
from emma_eval.runs.plan import prompts_digest
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings
from emma_eval.tasks.digest import task_digest
from emma_eval.tasks.loading import load_task
from emma_eval.types import Request, Sample
from tests.fakes import FakeEngine, FakeHandle, run_pope, write_pope
from tests.tiny_datasets import scienceqa

QUESTION = "<image>\nIs it sharp?\nChoose between one of the options as follows:\nA. Yes\nB. No\n"


def request(task, tmp_path):
    sample = Sample("0", "Is it sharp?", (ImageFile(tmp_path, "a.png"),), ("A",), ("Yes", "No"))
    (one,) = build_requests(task, [sample])
    return one


def test_llava_is_asked_q_bench_as_its_own_script_asks(tmp_path):
    task = load_task("qbench")
    one = request(task.with_wording(task.wording_for("llava")), tmp_path)
    assert one.message.endswith(QUESTION)
    assert one.images == (UnpaddedImage(ImageFile(tmp_path, "a.png")),)
    assert one.max_new_tokens == 1024


@pytest.mark.parametrize("family", ["emma", "owl3", None])
def test_a_family_without_a_wording_is_asked_in_the_tasks_own(family, tmp_path):
    task = load_task("qbench")
    assert task.wording_for(family) == "emma"
    assert request(task.with_wording("emma"), tmp_path) == request(task, tmp_path)


def test_an_unpadded_image_is_cropped_instead(tmp_path):
    from emma_eval.models import load_model

    Image.new("RGB", (64, 16), "white").save(tmp_path / "a.png")
    model = load_model("llava-mini")
    image = ImageFile(tmp_path, "a.png")
    assert model.processor.squaring == "pad"
    assert model.preprocess_image(image).min() < 250
    assert model.preprocess_image(UnpaddedImage(image)).min() > 250


GOOD = """\
extends: qbench
wording: emma
wordings:
  llava: {prompt: {suffix: Which?}}
"""


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("suffix", "sufix", "unknown key 'wordings.llava.prompt.sufix'"),
        ("  llava", "  emma", "'emma' is the wording of `prompt` itself"),
        ("wording: emma\n", "wording: ''\n", "'wording' must say whose wording"),
        ("{prompt: {suffix: Which?}}", "3", "wordings.llava"),
    ],
)
def test_mistakes_are_one_line(tmp_path, was, becomes, message):
    (tmp_path / "mine.yaml").write_text(GOOD.replace("extends: qbench\n", NO_BASE).replace(was, becomes))
    with pytest.raises(UserError, match=message):
        load_task("mine", tmp_path)


NO_BASE = """\
title: A task
benchmark: a
split: val
reader: vqa_json
files: {questions: a/questions.json}
metric: accuracy
protocols:
  official: {scorer: vqa}
expected: {samples: 3}
"""


def test_a_task_with_a_prompt_of_its_own_takes_no_wordings_over(tmp_path):
    (tmp_path / "base.yaml").write_text(NO_BASE + GOOD.removeprefix("extends: qbench\n"))
    (tmp_path / "short.yaml").write_text("extends: base\ngeneration: {max_new_tokens: 3}\n")
    (tmp_path / "mine.yaml").write_text("extends: base\nprompt: {suffix: Mine.}\n")
    assert load_task("short", tmp_path).with_wording("llava").generation.max_new_tokens == 3
    assert load_task("mine", tmp_path).wording_for("llava") == ""
    with pytest.raises(UserError, match="unknown wording 'llava'; it has but one"):
        load_task("mine", tmp_path).with_wording("llava")


@pytest.fixture
def six(tmp_path):
    """Q-Bench with two questions, as a task of the user's."""
    folder = tmp_path / "data" / "qbench"
    (folder / "images").mkdir(parents=True)
    rows = [
        {"question": "Is it sharp?", "img_path": f"{n}.png", "candidates": ["Yes", "No"], "correct_ans": "No"}
        for n in (0, 1)
    ]
    (folder / "llvisionqa_dev.json").write_text(json.dumps(rows))
    for n in (0, 1):
        Image.new("RGB", (40, 20), "grey").save(folder / "images" / f"{n}.png")
    (tmp_path / "tasks").mkdir()
    short = "extends: qbench\nhub: null\ngeneration: {max_new_tokens: 2}\nexpected: {samples: [2]}\n"
    (tmp_path / "tasks" / "two.yaml").write_text(short)
    return tmp_path


def run(folder, *more):
    command = ["run", "--task-dir", str(folder / "tasks"), "--tasks", "two", "--data", str(folder / "data")]
    return main([*command, "--output", str(folder / "out"), *more])


@pytest.mark.parametrize(
    ("model", "more", "wording", "note"),
    [
        ("llava-mini", (), "llava", "asked in the wording of llava's scripts"),
        ("emma-mini", (), "emma", None),
        (
            "emma-mini",
            ("--wording", "two=llava"),
            "llava",
            "asked in the wording of llava's scripts, not in that of emma, the model's own family",
        ),
    ],
)
def test_a_run_says_whose_wording_it_used(six, model, more, wording, note):
    assert run(six, "--model", model, *more) == 0
    manifest = json.loads((six / "out" / "manifest.json").read_text())
    (scores,) = json.loads((six / "out" / "scores.json").read_text())["tasks"]
    assert manifest["tasks"]["two"]["wording"] == scores["wording"] == wording
    assert [one for one in scores["notes"] if "wording" in one] == ([note] if note else [])
    assert run(six, "--model", model, *more) == 0  # and goes on in it without loading the model


def test_an_unknown_wording_is_told_before_anything_is_done(six, capsys):
    assert run(six, "--wording", "two=lava") == 2
    assert "task two: unknown wording 'lava'; did you mean 'llava'?" in capsys.readouterr().err


class Owl(FakeEngine):
    """A model of the family mplug_owl2, whose prompts mark images in its own way."""

    def describe(self) -> EngineDescription:
        return EngineDescription(template="mplug_owl2_evaluation", family="mplug_owl2")

    def respond(self, request):
        prompt = request.prompt(lambda message: render_for_family(message, "mplug_owl2"))
        return replace(super().respond(request), prompt=prompt)


CHOSEN_HERE = "a wording chosen here for mplug_owl2, whose authors published no prompt for this benchmark"


def test_a_wording_that_is_not_its_authors_is_named_so_beside_the_score(tmp_path):
    write_pope(tmp_path / "data")
    engine = Owl()
    run_pope(tmp_path / "data", tmp_path / "run", engine)
    assert {(request.max_new_tokens, request.min_new_tokens) for request in engine.requests} == {(10, 1)}
    (scores,) = read_scores(tmp_path / "run").tasks
    assert (scores.wording, scores.wording_is_published, scores.setup.wording) == ("mplug_owl2", False, "")
    assert scores.notes[0].startswith(f"asked in {CHOSEN_HERE} (as evaluate_mme.py")
    told = (tmp_path / "run" / "leaderboard.md").read_text().replace("\\", "")
    assert "protocol official, wording mplug_owl2 (chosen here, its authors published none), 12 questions" in told


def test_another_familys_wording_sets_a_value_apart(tmp_path):
    write_pope(tmp_path / "data")
    run_pope(tmp_path / "data", tmp_path / "run", Owl(), wordings={"pope": "llava"})
    (scores,) = read_scores(tmp_path / "run").tasks
    assert (scores.wording, scores.setup.wording) == ("emma", "emma")
    own = "asked in the wording of emma's and llava's scripts, not in that of mplug_owl2, the model's own family"
    assert scores.notes == (own,)
    assert any("it was asked in the wording of emma's scripts" in reason for reason in not_comparable(scores))


def test_one_prompt_of_two_families_is_one_wording(tmp_path):
    write_pope(tmp_path / "data")
    run_pope(tmp_path / "data", tmp_path / "run", wordings={"pope": "llava"})
    (scores,) = read_scores(tmp_path / "run").tasks
    assert (scores.wording, scores.setup.wording, scores.notes) == ("emma", "", ())


def test_what_was_asked_with_an_image_does_not_depend_on_how_a_template_marks_it(tmp_path):
    """ScienceQA counts as IMG what was asked with an image."""
    scienceqa(tmp_path / "data")
    settings = RunSettings(ModelSpec("fake"), ("scienceqa",), "scienceqa", data=tmp_path / "data", allow_partial=True)
    for name, engine in (("llava", FakeEngine()), ("owl", Owl())):
        run_evaluation(settings, tmp_path / name, PlainProgress(), FakeHandle(engine))
        (scores,) = read_scores(tmp_path / name).tasks
        assert scores.find("img_accuracy").n == 1


def test_the_least_number_of_new_tokens_is_part_of_a_runs_prompts_where_it_is_set():
    request = Request("1", 0, "Why?", "Why?")
    assert prompts_digest([request]) == prompts_digest([replace(request, min_new_tokens=0)])
    assert prompts_digest([request]) != prompts_digest([replace(request, min_new_tokens=1)])


@pytest.mark.parametrize(
    ("section", "changed"),
    [
        ("prompt", {"image_separator": ""}),
        ("prompt", {"suffix_separator": " "}),
        ("prompt", {"missing_hint": "N/A"}),
        ("prompt", {"keep_blanks": True}),
        ("generation", {"min_new_tokens": 1}),
    ],
)
def test_later_keys_are_part_of_a_tasks_digest_where_they_are_set(section, changed):
    task = load_task("mme")
    other = task.model_copy(update={section: getattr(task, section).model_copy(update=changed)})
    assert task_digest(other, "official") != task_digest(task, "official")


def test_the_least_number_of_new_tokens_is_no_larger_than_the_most(tmp_path):
    (tmp_path / "mine.yaml").write_text(NO_BASE + "generation: {max_new_tokens: 3, min_new_tokens: 4}\n")
    with pytest.raises(UserError, match=r"mine.yaml: .*min_new_tokens, 4, is above max_new_tokens, 3"):
        load_task("mine", tmp_path)
