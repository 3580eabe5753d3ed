"""Runs side by side: what they are called, by all commands alike, and which of their numbers share a column."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.results.manifest import read_manifest
from emma_eval.results.scores import read_scores
from tests.fakes import FakeEngine, FakeHandle, write_pope

POPE_VARIANT = "extends: pope\nprompt: {suffix: %s}\nexpected: {samples: []}\n"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """An empty current folder with POPE's data, and a fake in place of model and inference."""
    write_pope(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    engine = FakeEngine()
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(engine))
    return tmp_path


def run(folder: str, *more: str, tasks: str = "pope") -> None:
    given = ["run", "--model", "fake", "--tasks", tasks, "--data", "data", "--output", folder]
    assert main([*given, *([] if "--limit" in more else ["--allow-partial"]), *more]) == 0


def measured(*runs: str) -> list[dict[str, str]]:
    """The measured lines of the runs' leaderboard, which lies below the current folder."""
    assert main(["leaderboard", *runs]) == 0
    with Path("results/leaderboard/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return [line for line in csv.DictReader(file) if line["kind"] == "measured"]


def test_runs_of_one_name_are_called_by_their_folders_in_every_command(place, capsys):
    run("first")
    run("second")
    assert [line["model"] for line in measured("first", "second")] == [
        "fake, first (measured)",
        "fake, second (measured)",
    ]
    capsys.readouterr()
    assert main(["compare", "first", "second"]) == 0
    assert "fake, second against fake, first" in capsys.readouterr().out
    assert main(["report", "first", "second"]) == 0
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert "fake, first" in page
    assert "fake, second" in page


def test_a_name_is_used_by_every_command_and_may_be_changed(place, capsys):
    run("first", "--name", "with the old prompt")
    run("second")
    assert read_manifest(place / "first").name == "with the old prompt"
    assert {line["model"] for line in measured("first", "second")} == {
        "with the old prompt (measured)",
        "fake (measured)",
    }
    run("first", "--name", "baseline")  # nothing is refused, nothing asked again
    assert "everything is answered already" in capsys.readouterr().err
    assert read_scores(place / "first").name == "baseline"
    run("first")
    assert read_scores(place / "first").name == "baseline"
    assert main(["compare", "first", "second"]) == 0
    assert "fake against baseline" in capsys.readouterr().out
    assert main(["watch", "first", "--once"]) == 0
    assert "baseline: finished" in capsys.readouterr().out
    assert main(["baseline", "first"]) == 0
    assert capsys.readouterr().out == "results/baselines/baseline.json.xz\n"


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[31mb", "a\x00b", "x" * 81])
def test_a_name_that_no_table_can_hold_is_refused(name, capsys):
    assert main(["run", "--name", name]) == 2
    assert "is no name of 1 to 80 printable characters" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", r"\input{x} $x_{1}$ 50% & #1", "a|b"]
)
def test_names_are_escaped_in_every_output_format(name):
    run("first", "--name", name)
    run("second", "--name", name)
    for line in measured("first", "second"):
        assert line["model"].removeprefix("'") in (f"{name}, first (measured)", f"{name}, second (measured)")
        assert not line["model"].startswith(("=", "+", "-", "@"))
    folder = Path("results/leaderboard")
    assert "<script>" not in (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert r"\input{" not in (folder / "leaderboard.tex").read_text(encoding="utf-8")
    assert main(["report", "first", "second"]) == 0
    assert "<script>alert" not in Path("results/report/index.html").read_text(encoding="utf-8")


def test_one_folder_given_twice_is_one_run():
    run("first")
    assert {line["model"] for line in measured("first", "./first", "first/scores.json")} == {"fake (measured)"}


def test_two_seeds_are_two_columns_and_say_so():
    """Half of the samples each, by two seeds: shared/cases/loading/22-other-samples."""
    run("first", "--limit", "6", "--seed", "1")
    run("second", "--limit", "6", "--seed", "2")
    first, second = measured("first", "second")
    assert first["split"] == second["split"] == "coco, 6 questions only"
    truths = [read_manifest(Path(name)).tasks["pope"].reference_digest[:8] for name in ("first", "second")]
    assert [line["metric"] for line in (first, second)] == [f"f1, samples {truth}" for truth in truths]
    assert "only 6 of the questions were asked" in first["source"]
    assert main(["report", "first", "second"]) == 0
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert all(f"POPE, samples {truth}" in page for truth in truths)


def test_a_task_that_extends_another_has_its_own_column_apart_from_the_benchmark(place, capsys):
    tasks = place / "tasks"
    tasks.mkdir()
    for name, suffix in (("pope_short", "Yes or no?"), ("pope_long", "Please answer this with yes or no.")):
        (tasks / f"{name}.yaml").write_text(POPE_VARIANT % suffix, encoding="utf-8")
    run("first", "--task-dir", "tasks", tasks="pope_short,pope_long")
    lines = measured("first")
    assert [(line["benchmark"], line["split"], line["metric"]) for line in lines] == [
        ("POPE", "coco", "f1, task pope_short"),
        ("POPE", "coco", "f1, task pope_long"),
    ]
    assert all("is not a shipped one, so it is not comparable" in line["source"] for line in lines)
    capsys.readouterr()
    assert main(["report", "first", "--data", "data"]) == 0
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert "name its folder with --task-dir" in page
    assert main(["report", "first", "--data", "data", "--task-dir", "tasks"]) == 0
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert "name its folder with --task-dir" not in page
    assert "POPE, task pope_short" in page


def test_compare_names_a_changed_prompt(place, capsys):
    tasks = place / "tasks"
    tasks.mkdir()
    for folder, suffix in (("first", "Yes or no?"), ("second", "Please answer this with yes or no.")):
        (tasks / "pope_mine.yaml").write_text(POPE_VARIANT % suffix, encoding="utf-8")
        run(folder, "--task-dir", "tasks", tasks="pope_mine")
    capsys.readouterr()
    assert main(["compare", "first", "second"]) == 0
    assert "pope_mine: asked or scored by different task files; compared on the 12 samples" in capsys.readouterr().out
    assert len({line["metric"] for line in measured("first", "second")}) == 2


class TestAnEditedScoresFile:
    @pytest.fixture
    def edited(self, place):
        run("first")

        def edit(key: str, value: str) -> Path:
            """Another value for the first of these keys."""
            path = place / "first" / "scores.json"
            text = path.read_text(encoding="utf-8")
            edited, times = re.subn(rf'"{key}": [^,\n]*', lambda _: f'"{key}": {value}', text, count=1)
            assert times
            path.write_text(edited, encoding="utf-8")
            return path

        return edit

    @pytest.mark.parametrize(
        ("key", "value", "complaint"),
        [
            ("value", "1e400", "tasks.0.metrics.0.value: a finite number is expected"),
            ("value", "NaN", "tasks.0.metrics.0.value: a finite number is expected"),
            ("value", "1e300", "tasks.0.metrics.0.value: a number of 1000000000000 or less is expected"),
            ("low", "1e11", "interval: low 1e+11 is above high"),
            ("samples", "-1", "tasks.0.counts.samples: a number of 0 or more is expected"),
            ("benchmark", "7", "tasks.0.benchmark: a text is expected"),
            ("mean_score", "Infinity", "tasks.0.mean_score: a finite number is expected"),
        ],
    )
    def test_is_one_line_in_every_command(self, edited, key, value, complaint, capsys):
        path = edited(key, value)
        for command in (["leaderboard"], ["report"], ["compare", "first"], ["baseline"]):
            capsys.readouterr()
            assert main([*command, "first"]) == 2
            said = capsys.readouterr().err
            assert f"{path.name} cannot be read: " in said
            assert complaint in said
            assert said.count("\n") == 1

    def test_a_task_that_occurs_twice_is_refused(self, place, edited, capsys):
        path = place / "first" / "scores.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["tasks"] *= 2
        path.write_text(json.dumps(content), encoding="utf-8")
        assert main(["leaderboard", "first"]) == 2
        assert "the task pope is there twice" in capsys.readouterr().err

    def test_an_edited_score_is_noticed_where_sample_statistics_are_read(self, place, edited, capsys):
        value = read_scores(place / "first").tasks[0].metrics[0].value
        edited("value", repr(value / 2 + 0.1))
        assert main(["compare", "first", "first"]) == 2
        assert "statistics/pope.json and the run's scores.json contradict each other" in capsys.readouterr().err


def test_the_scores_file_is_accepted_for_its_run_in_every_command():
    run("first")
    run("second")
    for command in (["leaderboard"], ["report"], ["compare", "second"], ["baseline"]):
        assert main([*command, "first/scores.json"]) == 0
