"""`leaderboard`: runs in, three files out."""

import re
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.results.scores import Interval
from tests.fakes import metric, scores_file, task_scores


def test_runs_are_printed_and_written_to_three_files(tmp_path, capsys):
    runs = []
    for name, value in (("x", 62.0), ("y", 64.0)):
        folder = tmp_path / name
        folder.mkdir()
        accuracy = metric("accuracy", value).model_copy(update={"interval": Interval(low=value - 2, high=value + 2)})
        run = scores_file(task_scores("gqa", "testdev-balanced", accuracy), name=name)
        (folder / "scores.json").write_text(run.model_dump_json())
        runs.append(str(folder))
    out = tmp_path / "out"
    assert main(["leaderboard", *runs, "--output", str(out)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3:] == [str(out / f"leaderboard.{suffix}") for suffix in ("md", "csv", "tex")]
    (measured,) = (line for line in shown if "y (measured)" in line)
    assert measured.split()[2:] == ["64.0", "[62.0,", "66.0]"]
    text = (out / "leaderboard.md").read_text(encoding="utf-8")
    assert "| y (measured)" in text
    assert "**64.0**" in text


def test_a_folder_without_scores_is_refused(tmp_path, capsys):
    assert main(["leaderboard", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_scores_of_another_schema_are_refused(tmp_path, capsys):
    path = tmp_path / "scores.json"
    path.write_text('{"schema_version": 2, "model": {}}')
    assert main(["leaderboard", str(path)]) == 2
    assert "cannot be read: model.name is missing; score again" in capsys.readouterr().err
    path.write_text(scores_file().model_copy(update={"schema_version": 7}).model_dump_json())
    assert main(["leaderboard", str(path)]) == 2
    assert "has schema 7, this program reads 2; score again" in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path) -> str:
    """A run of `my-emma` on GQA and POPE."""
    tasks = (
        task_scores("gqa", "testdev-balanced", metric("accuracy", 62.3)),
        task_scores("pope", "coco", metric("f1", 0.86, "fraction")),
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scores.json").write_text(scores_file(*tasks).model_dump_json())
    return str(tmp_path / "run")


def printed(capsys, *arguments: str, code: int = 0) -> str:
    assert main(["leaderboard", *arguments]) == code
    shown = capsys.readouterr()
    return shown.out if code == 0 else shown.err


def test_notes_are_a_count_until_they_are_asked_for(run, tmp_path, capsys):
    given = [run, "--as", "my-emma=emma-7b", "--output", str(tmp_path / "out")]
    folded = printed(capsys, *given)
    assert re.search(r"^\* not known to be like for like; \d+ notes and sources: --sources$", folded, re.MULTILINE)
    assert "+6.3*" in folded
    assert "script uses testdev_balanced" not in folded
    assert "Published, with nothing" not in folded
    told = printed(capsys, *given, "--sources")
    assert "EMMA-7B's 56.01: the source states no split (script uses testdev_balanced)" in told
    assert "--sources" not in told


def test_the_files_hold_all_benchmarks_and_the_terminal_those_that_were_measured(run, tmp_path, capsys):
    shown = printed(capsys, run, "--output", str(tmp_path / "out"))
    assert "VQAv2" not in shown
    assert re.search(r"\d+ benchmarks without a measured value, with \d+ published values, left out", shown)
    assert "VQAv2" in (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8")
    assert "VQAv2" in printed(capsys, run, "--tasks", "all", "--output", str(tmp_path / "out"))


def test_nothing_is_wider_than_eighty_columns_and_no_number_is_cut(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    given = ["--tasks", "all", "--columns", "params,data,adaptation", "--sources", "--output", str(tmp_path)]
    lines = printed(capsys, run, *given).splitlines()
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert max(len(line) for line in lines if not line.startswith(str(tmp_path))) <= 80
    assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines)
    for number in ("89.42", "56.03", "73.14", "1510.7", "313.21", "94.5", "1.16M"):
        assert any(number in line for line in lines)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--tasks", "gqq"], "--tasks gqq: there is no such task, group or benchmark; did you mean 'gqa'?"),
        (["--tasks", ","], "',' names nothing"),
        (["--models", "emma"], "--models emma: no row is called so"),
        (["--columns", "param"], "--columns param: there is no such column; did you mean 'params'?"),
        (["--sort", "F2"], "--sort F2: no benchmark that is shown is called so"),
        (["--as", "my-emma"], "--as my-emma: MODEL=PUBLISHED is expected, as my-llava=llava-1.5-7b"),
        (["--as", "my-ema=emma-7b"], "no measured model is called 'my-ema'; did you mean 'my-emma'?"),
        (["--strict", "--sort", "GQA"], "are of the paper's table, which --strict leaves out"),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_written(run, given, message, tmp_path, capsys):
    said = printed(capsys, run, *given, "--output", str(tmp_path / "out"), code=2)
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
