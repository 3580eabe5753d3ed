"""Which published model a measured one is: never guessed in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.model_matching import checkpoint_name
from emma_eval.reports.published import load_published
from emma_eval.results.manifest import Manifest, ModelFacts, SettingsFacts, write_manifest
from emma_eval.results.scores import ScoredRun
from tests.fakes import metric, scores_file, task_scores

EMMA_7B, LLAVA_7B = 7_187_127_424, 7_062_902_784
GQA = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.3))


@pytest.fixture
def run(tmp_path: Path):
    def make(source: str, family: str | None, parameters: int | None, name: str = "", **options: str) -> ScoredRun:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        name = name or source.rpartition("/")[2]
        model = ModelFacts(name=name, source=source, weights="w", config="c", family=family, parameters=parameters)
        settings = SettingsFacts(limit=None, seed=None, allow_partial=False, model_options=options)
        write_manifest(folder, Manifest(model=model, settings=settings, tasks={}))
        return ScoredRun(folder, scores_file(GQA, name=name))

    return make


def compared_with(run: ScoredRun, **same: str) -> list[str]:
    """The labels of the rows of differences."""
    tables = Leaderboard(
        [run], load_published(), {key.replace("_", "-"): value for key, value in same.items()}
    ).tables()
    return [row.label.removeprefix("minus ") for table in tables for row in table.rows if row.kind == "difference"]


def told(run: ScoredRun) -> str:
    return " ".join(note for table in Leaderboard([run], load_published()).tables() for note in table.notes)


@pytest.mark.parametrize(
    ("source", "family", "parameters", "model"),
    [
        ("/models/emma-7b", "emma", EMMA_7B, "EMMA-7B"),
        ("/models/EMMA-7B/", "emma", None, "EMMA-7B"),
        ("/models/emma-7b", "emma", EMMA_7B - 12_000_000, "EMMA-7B"),  # a tower's last layer is not loaded
        ("liuhaotian/llava-v1.5-7b", "llava", LLAVA_7B, "LLaVA-1.5-7B"),
        ("llava-hf/llava-1.5-7b-hf", "llava", None, "LLaVA-1.5-7B"),
        ("liuhaotian/llava-v1.5-13b", "llava", 13_350_839_296, "LLaVA-1.5-13B"),
        ("MAGAer13/mplug-owl2-llama2-7b", "mplug_owl2", 8_197_859_328, "mPLUG-Owl2"),
    ],
)
def test_kind_name_and_size_together_are_recognised_and_told(run, source, family, parameters, model):
    measured = run(source, family, parameters)
    assert compared_with(measured) == [model]
    assert f"is compared with {model}: {family} model" in told(measured)
    assert f"from a checkpoint called {checkpoint_name(source)}" in told(measured)


@pytest.mark.parametrize(
    ("source", "family", "parameters"),
    [
        ("emma-mini", "emma", 2_100_000),
        ("/models/emma-7b", "llava", LLAVA_7B),  # its alignment is missing
        ("/models/emma-7b", "emma", 2_100_000),
        ("/models/emma-7b-tuned", "emma", None),
        ("/models/llava-v1.5-7b-lora", "llava", LLAVA_7B),
        ("hf:/models/emma-7b", None, None),
    ],
)
def test_nothing_less_is(run, source, family, parameters):
    assert compared_with(run(source, family, parameters)) == []


def test_a_name_of_another_size_is_told(run):
    said = told(run("/models/emma-7b", "emma", 2_100_000))
    assert "called emma-7b, but it has 2,100,000 parameters, not 7,187,127,424" in said


def test_a_size_of_another_name_is_told_with_what_to_do(run):
    said = told(run("/models/llava-tuned", "llava", LLAVA_7B))
    assert "of LLaVA-1.5-7B's kind and size under another name: --as 'llava-tuned=llava-1.5-7b' compares them" in said


def test_emma_mini_is_not_emma_7b_and_nothing_is_said_of_it(run):
    assert "emma-mini" not in told(run("emma-mini", "emma", 2_100_000))


def test_a_variant_of_an_ablation_is_no_published_model(run):
    variant = run("emma-7b", "emma", EMMA_7B, variant='{"weights": "text_off"}')
    assert compared_with(variant) == []
    assert "EMMA-7B's kind" not in told(variant)
    with pytest.raises(UserError, match="it is a variant that ablate made"):
        compared_with(variant, **{"emma_7b": "emma-7b"})


def test_as_settles_it_by_id_or_name_and_none_undoes_it(run):
    assert compared_with(run("/models/tuned", "llava", LLAVA_7B), tuned="LLaVA-1.5-7B") == ["LLaVA-1.5-7B"]
    assert compared_with(run("/models/tuned", "llava", LLAVA_7B), tuned="emma-7b") == ["EMMA-7B"]
    assert compared_with(run("/models/emma-7b", "emma", EMMA_7B), emma_7b="none") == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"emma_7": "emma-7b"}, "--as emma-7=emma-7b: no measured model is called 'emma-7'; did you mean 'emma-7b'?"),
        ({"emma_7b": "emma-7"}, "--as emma-7b=emma-7: no published model is called 'emma-7'; did you mean 'emma-7b'?"),
    ],
)
def test_names_that_nothing_has_are_refused(run, given, message):
    with pytest.raises(UserError) as caught:
        compared_with(run("/models/emma-7b", "emma", EMMA_7B), **given)
    assert str(caught.value) == message


def test_scores_without_a_manifest_are_compared_with_nothing():
    assert compared_with(ScoredRun(Path("nowhere"), scores_file(GQA, name="emma-7b"))) == []
