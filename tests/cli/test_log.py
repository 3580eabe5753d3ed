"""`log`, and --log of the commands that end with a scored run."""

import json

import pytest

from emma_eval import registry
from emma_eval.cli.main import main
from tests.fakes import command_output, run_pope
from tests.notebook import NOTEBOOKS, Notebook

MINI = ["run", "--tasks", "vqav2_mini", "--limit", "4", "--batch-size", "4"]


@pytest.fixture(autouse=True)
def notebook(monkeypatch):
    monkeypatch.setitem(registry.SHIPPED["loggers"], "notebook", "tests.notebook:open_notebook")
    monkeypatch.setitem(NOTEBOOKS, "a", Notebook())
    return NOTEBOOKS["a"]


class TestRun:
    def test_logs_what_it_scored_once(self, folder, notebook, capsys):
        argv = [*MINI, "--output", str(folder), "--log", "notebook:a", "--log-samples", "2"]
        assert "\nlogged to notebook:a: page 1" in command_output(capsys, argv, 0)
        (task,) = json.loads((folder / "scores.json").read_text())["tasks"]
        assert notebook.runs[0].numbers["vqav2_mini/accuracy"] == task["metrics"][0]["value"]
        assert len(notebook.samples[0]["vqav2_mini"]) == 2
        assert "\nalready logged to notebook:a: page 1" in command_output(capsys, argv, 0)

    def test_that_cannot_be_logged_ends_as_it_would_without(self, folder, notebook, capsys):
        notebook.error = TimeoutError("the server does not answer")
        output = command_output(capsys, [*MINI, "--output", str(folder), "--log", "notebook:a"], 0)
        again = f"`emma-eval log {folder} --to notebook:a` tries again"
        assert f"not logged to notebook:a: TimeoutError: the server does not answer; {again}" in output
        notebook.error = None
        assert "logged to notebook:a: page 1" in command_output(capsys, ["log", str(folder), "--to", "notebook:a"], 0)

    @pytest.mark.parametrize("target", ["notebok:a", "notebook", "notebook:torn"])
    def test_says_what_is_wrong_with_a_target_before_it_reads_anything(self, target, folder, capsys):
        argv = ["run", "--tasks", "vqav2", "--data", "/nowhere", "--output", str(folder), "--log", target]
        assert f"error: --log {target}: " in command_output(capsys, argv, 2)
        assert not folder.exists()

    @pytest.mark.parametrize("option", [["--answers-only"], ["--shard", "1/2"]])
    def test_that_scores_nothing_is_not_logged(self, option, capsys):
        assert "error: --log shows scores, and " in command_output(capsys, [*MINI, *option, "--log", "notebook:a"], 2)


class TestLog:
    def test_logs_a_finished_run_to_several_places(self, data, folder, notebook, capsys):
        run_pope(data, folder)
        argv = ["log", str(folder), "--data", str(data), "--to", "notebook:a", "--to", "notebook:b"]
        output = command_output(capsys, argv, 0)
        assert "logged to notebook:a: page 1" in output
        assert "logged to notebook:b: page 1" in output
        assert notebook.samples[0]["pope"][0].image is not None

    def test_exits_with_1_where_a_place_fails(self, data, folder, notebook):
        run_pope(data, folder)
        notebook.error = OSError("no")
        assert main(["log", str(folder), "--to", "notebook:a"]) == 1

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (["nothing", "--to", "notebook:a"], "nothing is not a run folder"),
            (["nothing"], "--to"),
            (["nothing", "--to", "notebook:a", "--data", "nowhere"], "--data nowhere: no such folder"),
            (["nothing", "--to", "notebook:a", "--log-samples", "-1"], "-1"),
            (["nothing", "--to", "notebook:a", "--log-samples", "10001"], "10001 is more than the 10,000 rows"),
        ],
    )
    def test_refuses_what_it_cannot_log(self, argv, message, capsys):
        assert message in command_output(capsys, ["log", *argv], 2)


def test_merge_logs_the_whole_run(tmp_path, notebook, capsys):
    for number in ("1/2", "2/2"):
        command_output(capsys, [*MINI, "--shard", number, "--output", str(tmp_path / number[0])], 0)
    shards = [str(tmp_path / number) for number in "12"]
    argv = ["merge", *shards, "--output", str(tmp_path / "whole"), "--log", "notebook:a"]
    assert "logged to notebook:a: page 1" in command_output(capsys, argv, 0)
    assert notebook.runs[0].numbers["vqav2_mini/counts/answered"] == 4
