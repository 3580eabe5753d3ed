"""`run` from its arguments to its exit code, with a model that answers from the prompt."""

import argparse
import errno
import json
import os

import pytest

from emma_eval.cli import run as command
from emma_eval.cli.main import main
from emma_eval.errors import MissingToolError, UserError
from emma_eval.results.manifest import Manifest, ModelFacts, SettingsFacts, write_manifest
from emma_eval.results.scores import read_scores
from emma_eval.runs.settings import ErrorLimit
from tests.fakes import REQUESTS, FakeEngine, FakeHandle


@pytest.fixture
def answering(monkeypatch):
    """The fake in place of model and inference."""
    fake = FakeEngine()
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(fake))
    return fake


def call(data, folder, *more):
    given = ["--model", "fake", "--tasks", "pope", "--data", str(data), "--output", str(folder), "--allow-partial"]
    return main([*given, *more])


def test_prints_the_scores_and_the_folder_and_ends_with_0(data, tmp_path, answering, capsys):
    assert call(data, tmp_path / "run") == 0
    shown = capsys.readouterr()
    assert "fake: 12 questions of 1 task, all answered" in shown.out
    assert "\npope  f1 " in shown.out
    assert shown.out.splitlines()[-1] == f"run folder: {tmp_path / 'run'}"
    assert f"pope {REQUESTS}/{REQUESTS}" in shown.err
    files = {p.relative_to(tmp_path / "run").as_posix() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert files == {
        "manifest.json",
        "run.lock",
        "scores.json",
        "responses/pope.jsonl",
        "samples/pope.jsonl",
        "statistics/pope.json",
        "leaderboard.md",
        "leaderboard.csv",
        "leaderboard.tex",
    }


def test_ends_with_1_when_a_sample_failed_and_names_it(data, tmp_path, answering, capsys):
    (data / "pope" / "val2014" / "b.jpg").write_bytes(b"")
    assert call(data, tmp_path / "run") == 1
    shown = capsys.readouterr().out
    assert "fake: 12 questions of 1 task, 6 failed, counted as wrong" in shown
    assert "failed: 6 of pope; the first, pope sample 1: " in " ".join(shown.split())
    assert "ask them again: the same command with --retry-failed" in shown


def test_without_the_scorers_tools_answers_are_kept_and_scored_later(data, tmp_path, answering, monkeypatch, capsys):
    def no_java(*arguments):
        raise MissingToolError("there is no `java` on the PATH")

    with monkeypatch.context() as here:
        here.setattr("emma_eval.scorers.require_ready", no_java)
        assert call(data, tmp_path / "run") == 2
        assert "task pope: there is no `java` on the PATH; or use --answers-only" in capsys.readouterr().err
        assert call(data, tmp_path / "run", "--answers-only") == 0
    assert "the same command without --answers-only scores the run" in capsys.readouterr().out
    assert not (tmp_path / "run" / "scores.json").exists()
    with pytest.raises(UserError, match="no scores yet: the same command without --answers-only scores it"):
        read_scores(tmp_path / "run")
    assert call(data, tmp_path / "run") == 0
    assert "everything is answered already" in capsys.readouterr().err
    assert read_scores(tmp_path / "run").tasks[0].counts.answered


def test_ends_with_1_when_an_answer_failed_and_nothing_is_scored(data, tmp_path, answering, capsys):
    (data / "pope" / "val2014" / "b.jpg").write_bytes(b"")
    assert call(data, tmp_path / "run", "--answers-only") == 1
    assert "6 requests failed" in capsys.readouterr().out


def test_ends_with_1_when_too_many_failed(data, tmp_path, answering, capsys):
    (data / "pope" / "val2014" / "b.jpg").write_bytes(b"")
    assert call(data, tmp_path / "run", "--max-errors", "1") == 1
    assert "more than --max-errors 1 allows" in capsys.readouterr().err


def test_a_full_disk_ends_with_one_line_and_the_same_command_resumes(data, tmp_path, answering, monkeypatch, capsys):
    from emma_eval.results import responses as records

    written = []

    def full(self, response):
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(response)
        append(self, response)

    append = records.ResponseLog.append
    with monkeypatch.context() as patch:
        patch.setattr(records.ResponseLog, "append", full)
        assert call(data, tmp_path / "run") == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1].startswith("error: the disk is full; nothing answered is lost")
    answering.requests.clear()
    assert call(data, tmp_path / "run") == 0
    assert len(answering.requests) == REQUESTS - 5


def test_ctrl_c_ends_with_130_and_the_same_command_resumes(data, tmp_path, answering, capsys):
    answering.stop_after = 5
    assert call(data, tmp_path / "run") == 130
    assert "the same command goes on where it stopped" in capsys.readouterr().err
    answering.stop_after = None
    assert call(data, tmp_path / "run") == 0
    assert len(answering.requests) == REQUESTS


def test_one_file_of_a_task_can_be_given(data, tmp_path, answering):
    other = tmp_path / "other.json"
    row = {"question_id": 1, "image": "a.jpg", "text": "Is it red?", "label": "yes"}
    other.write_text(json.dumps(row) + "\n")
    assert call(data, tmp_path / "run", "--file", f"pope.random={other}") == 0
    assert read_scores(tmp_path / "run").tasks[0].counts.samples == REQUESTS - 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--tasks", "popee"], "unknown task or group 'popee'; did you mean 'pope'?"),
        (["--tasks", " , "], "--tasks names no task"),
        (["--protocol", "pope"], "--protocol pope: TASK=VALUE is expected"),
        (["--protocol", "gqa=llava"], "task 'gqa' is not among those run"),
        (["--protocol", "pope=offical"], "unknown protocol 'offical'; did you mean 'official'?"),
        (["--file", "pope=x"], "TASK.KEY=PATH is expected"),
        (["--file", "pope.randm=x"], "has no file 'randm'; did you mean 'random'?"),
        (["--file", "pope.random=nowhere"], "nowhere: no such file"),
        (["--limit", "0"], "'0' is not a whole number above 0"),
        (["--limit", "0.5"], "'0.5' is not a whole number above 0"),
        (["--batch-size", "many"], "'many' is not a whole number above 0"),
        (["--max-errors", "few"], "'few' is neither a number of errors (5) nor a share of them (2%)"),
    ],
)
@pytest.mark.usefixtures("answering")
def test_a_usage_error_ends_with_2_and_one_line(data, tmp_path, capsys, more, words):
    assert call(data, tmp_path / "run", *more) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "limit"), [("0", ErrorLimit(0)), ("5", ErrorLimit(5)), ("2.5%", ErrorLimit(2.5, percent=True))]
)
def test_max_errors_is_a_count_or_a_share(text, limit):
    assert command.error_limit(text) == limit


@pytest.mark.parametrize("text", ["-1", "1.5", "nan", "", "%", "5 %x"])
def test_other_error_limits_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        command.error_limit(text)


def test_the_defaults_are_the_shipped_model_and_suite():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    args = parser.parse_args([])
    assert (args.model, args.tasks) == ("emma-mini", "mini")


def test_an_unfinished_run_or_another_folder_has_no_scores(tmp_path):
    with pytest.raises(UserError, match=r"is not a run folder: it has no scores\.json"):
        read_scores(tmp_path)
    begun = Manifest(
        model=ModelFacts(name="m", source="m", weights="w", config="c"),
        settings=SettingsFacts(limit=None, seed=None, allow_partial=False),
        tasks={},
    )
    write_manifest(tmp_path, begun)
    with pytest.raises(UserError, match="the run is not finished"):
        read_scores(tmp_path)
