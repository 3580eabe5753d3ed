"""`compare`, `baseline` and `regress` on run folders, from the command line."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from emma_eval.cli.main import main
from tests.fakes import FakeEngine, run_pope, write_pope


class Told(FakeEngine):
    """Answers as it is told to: all rightly, or all wrongly. The truth alternates, beginning with yes."""

    def __init__(self, *, rightly: bool) -> None:
        super().__init__()
        self.shift = 0 if rightly else 1

    def respond(self, request):
        text = ("Yes", "No")[(int(request.sample_id) + self.shift) % 2]
        return replace(super().respond(request), text=text)


@pytest.fixture
def runs(tmp_path):
    """A run with every answer right and one with every answer wrong."""
    write_pope(tmp_path / "data")
    for name, rightly in (("good", True), ("bad", False)):
        run_pope(tmp_path / "data", tmp_path / name, Told(rightly=rightly))
    return tmp_path


def call(*arguments):
    return main([str(argument) for argument in arguments])


def test_compare_prints_a_line_a_task_and_the_flips(runs, capsys):
    assert call("compare", runs / "bad", runs / "good", "--flips", "2", "--json", runs / "c.json") == 0
    out = capsys.readouterr().out
    assert "fake, good against fake, bad" in out
    assert "+100.0" in out
    *_, before, last = out.splitlines()
    assert f"{before} {last}" == (
        "no significant difference between fake, bad and fake, good on pope: +100.0 points, p = 0.26"  # of two images
    )
    assert "pope won 0: 'no' (0) -> 'yes' (1)" in out
    assert "pope won 10 more" in out
    (task,) = json.loads((runs / "c.json").read_text())["tasks"]
    assert (len(task["won"]), task["lost"], task["tied"]) == (12, [], 0)
    f1 = task["metrics"][0]
    assert (f1["name"], f1["first"], f1["second"], f1["difference"]) == ("f1", 0.0, 1.0, 1.0)


def test_compare_says_where_models_were_asked_in_different_conversation_templates(runs, capsys):
    assert call("compare", runs / "bad", runs / "good") == 0
    assert "Conversation templates" not in capsys.readouterr().out
    record = runs / "bad" / "statistics" / "pope.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"template": "own"}))
    assert call("compare", runs / "bad", runs / "good") == 0
    said = "Conversation templates: fake, bad in the model's own chat template; fake, good in vicuna_v1."
    assert said in " ".join(capsys.readouterr().out.split())


def test_runs_on_other_samples_are_refused_in_one_line(runs, capsys):
    run_pope(runs / "data", runs / "part", Told(rightly=False), limit=5)
    capsys.readouterr()
    assert call("compare", runs / "good", runs / "part") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "12 in the first, 5 in the second" in err
    assert call("compare", runs / "good", runs / "part", "--intersect") == 0
    out = capsys.readouterr().out
    assert "-100.0" in out
    assert "compared on the 5 samples of both" in " ".join(out.split())


def test_the_gate_writes_junit_markdown_and_the_github_summary(runs, capsys, monkeypatch):
    summary = runs / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert call("baseline", runs / "good", "--output", runs / "b.json") == 0
    assert call("regress", runs / "good", "--baseline", runs / "b.json") == 0
    assert "regression gate passed" in capsys.readouterr().out
    (runs / "t.yaml").write_text("alpha: 1\n")
    options = ("--tolerances", runs / "t.yaml", "--junit", runs / "j.xml", "--markdown", runs / "m.md")
    assert call("regress", runs / "bad", "--baseline", runs / "b.json", *options) == 1
    assert "pope: f1 regressed: 100.0 -> 0.0" in capsys.readouterr().out
    assert ElementTree.parse(runs / "j.xml").find("testsuite").get("name") == "pope"
    assert summary.read_text().startswith("before\n# Regression gate passed")
    assert summary.read_text().endswith((runs / "m.md").read_text())


@pytest.mark.parametrize("arguments", [("compare", "--json"), ("regress", "--junit"), ("regress", "--markdown")])
def test_an_output_that_cannot_be_written_is_refused_before_any_work(arguments, tmp_path, capsys):
    command, option = arguments
    rest = {"compare": [tmp_path], "regress": ["--baseline", tmp_path]}[command]
    assert call(command, tmp_path, *rest, option, tmp_path / "no" / "file") == 2
    assert f"{option} {tmp_path / 'no' / 'file'}: a file in a folder that exists" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that takes no files, even from root")
@pytest.mark.parametrize("arguments", [("compare", "--json"), ("regress", "--junit"), ("regress", "--markdown")])
def test_an_unwritable_output_folder_is_refused_before_any_work(arguments, tmp_path, capsys):
    command, option = arguments
    rest = {"compare": [tmp_path], "regress": ["--baseline", tmp_path]}[command]
    assert call(command, tmp_path, *rest, option, "/proc/file") == 2
    assert f"error: {option} /proc/file: no file can be written there: " in capsys.readouterr().err


def test_an_unwritable_github_summary_is_one_line(runs, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(runs / "no" / "summary.md"))
    assert call("regress", runs / "good", "--baseline", runs / "good") == 2
    assert capsys.readouterr().err.startswith("error: $GITHUB_STEP_SUMMARY ")


def test_a_folder_as_baseline_output_is_refused(runs, capsys):
    assert call("baseline", runs / "good", "--output", runs) == 2
    assert capsys.readouterr().err == f"error: --output {runs} is a folder: a file is expected\n"


@pytest.mark.parametrize("command", ["compare", "regress"])
def test_a_missing_run_or_baseline_is_one_line(command, runs, capsys):
    rest = {"compare": [runs / "good"], "regress": ["--baseline", runs / "good"]}[command]
    assert call(command, runs / "gone", *rest) == 2
    assert "gone is missing: a run's folder or a file that" in capsys.readouterr().err


def test_flips_are_printed_without_empty_lines(runs, capsys):
    assert call("compare", runs / "good", runs / "good", "--flips", "5") == 0
    assert not capsys.readouterr().out.endswith("\n\n")


@pytest.mark.parametrize("command", ["compare", "baseline", "regress"])
def test_a_folder_that_is_no_run_is_one_line(command, tmp_path, capsys):
    rest = {"compare": [tmp_path], "baseline": [], "regress": ["--baseline", tmp_path]}[command]
    assert call(command, tmp_path, *rest) == 2
    assert "is not a run folder" in capsys.readouterr().err
