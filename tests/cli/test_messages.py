"""Mistakes are told at once, all of them, with what is likely meant."""

import pytest

from emma_eval.cli.main import main
from emma_eval.models.checkpoints.folders import BUILT_IN_WEIGHTS
from tests.fakes import FakeEngine, FakeHandle, write_pope


def refused(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dtype", "int8"], "--dtype: unknown dtype 'int8'; known: auto, float32, float16, bfloat16"),
        (["--device", "gpu"], "--device: there is no device 'gpu'; cpu, cuda, cuda:1 or mps, for example"),
        (["--device", "meta"], "--device: 'meta' is not available here"),
    ],
)
@pytest.mark.parametrize("model", ["emma-mini", "hf:some-folder"])
def test_where_a_model_cannot_be_loaded_is_told_before_data_are_read(options, message, model, tmp_path, capsys):
    given = ["--model", model, "--tasks", "pope", "--data", tmp_path, "--output", tmp_path / "run"]
    assert message in refused(capsys, "run", *given, *options)
    assert not (tmp_path / "run").exists()


def test_ask_tells_it_before_the_model_is_loaded(monkeypatch, capsys):
    monkeypatch.setattr("emma_eval.inference.loading.load_engine", lambda model: pytest.fail("it is loaded"))
    assert "unknown dtype 'int8'" in refused(capsys, "ask", "--model", "emma-mini", "--dtype", "int8", "Why?")


@pytest.mark.parametrize("command", [["run", "--tasks", "POPE"], ["explain", "POPE"], ["check", "Pope"]])
def test_the_case_of_a_tasks_name_is_no_riddle(command, capsys):
    error = refused(capsys, *command)
    assert "did you mean 'pope'?" in error
    assert "gqa" not in error


def test_all_unknown_tasks_are_told(capsys):
    error = refused(capsys, "run", "--tasks", "popee,gqa,mme2,xxxxx")
    told = "unknown tasks or groups: 'popee' (did you mean 'pope'?), 'mme2' (did you mean 'mme'?), 'xxxxx'; "
    assert told in error


def test_tasks_without_data_are_told_with_the_first(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_pope(tmp_path)
    given = ["--data", tmp_path, "--allow-partial", "--output", tmp_path / "run"]
    error = refused(capsys, "run", "--tasks", "gqa,pope,mme,vizwiz", *given)
    assert error.startswith("error: task gqa: data not found below")
    assert "nor are there data of mme, vizwiz: see `emma-eval data status`" in error


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--split", "a split is a task of its own"),
        ("--task", "did you mean '--tasks'?"),
        ("--batch_size", "did you mean '--batch-size'?"),
        ("--gpus", "did you mean --replicas?"),
    ],
)
def test_options_of_other_programs(option, hint, capsys):
    assert hint in refused(capsys, "run", option, "x")


def test_a_wrong_choice_has_a_hint(capsys):
    assert "there is no 'task'; did you mean 'tasks'?" in refused(capsys, "list", "task")


def test_the_folder_above_a_checkpoint_names_it(tmp_path, capsys):
    for name in ("emma-mini", "clip-mini"):
        (tmp_path / name).symlink_to(BUILT_IN_WEIGHTS / name)
    error = refused(capsys, "run", "--model", tmp_path)
    assert f"has no config.json; {tmp_path / 'clip-mini'}, {tmp_path / 'emma-mini'} below it have one" in error


def test_failures_name_the_option_that_asks_again(tmp_path, monkeypatch, capsys):
    write_pope(tmp_path)
    (tmp_path / "pope" / "val2014" / "b.jpg").write_bytes(b"")
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(FakeEngine()))
    given = ["--model", "fake", "--tasks", "pope", "--data", str(tmp_path), "--output", str(tmp_path / "run")]
    assert main(["run", *given, "--allow-partial"]) == 1
    assert main(["run", *given, "--allow-partial"]) == 1
    assert "; 6 requests failed, --retry-failed asks again" in capsys.readouterr().err
    assert main(["run", *given, "--allow-partial", "--retry-failed", "--max-errors", "1"]) == 1
    assert "with --retry-failed it asks the failed ones again" in capsys.readouterr().err
