"""on_a_gpu.py: the small form runs, steps are limited in time, results are written as they come."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks import on_a_gpu
from benchmarks.on_a_gpu import STEPS, Step, main, run_bounded


@pytest.mark.slow
def test_every_step_works_in_its_small_form(tmp_path: Path) -> None:
    assert main(["--small", f"--output={tmp_path}"]) == 0
    done = json.loads((tmp_path / "on-a-gpu.json").read_text())
    assert done.keys() == STEPS.keys()
    for name, one in done.items():
        assert one["state"] == "passed", (name, (tmp_path / f"{name}.out").read_text())
        assert one["result"]["passes"]


@pytest.mark.slow
def test_injected_out_of_memory_errors_lose_and_change_no_answer(tmp_path: Path) -> None:
    run_bounded("out_of_memory", tmp_path, small=True, seconds=60)
    found = json.loads((tmp_path / "out_of_memory.json").read_text())
    assert found["shortages"] > 0
    assert (found["failed"], found["different"]) == (0, 0)


def test_a_step_that_takes_too_long_is_ended_and_reported(tmp_path: Path) -> None:
    start = time.perf_counter()
    assert run_bounded("environment", tmp_path, small=True, seconds=0.2)["state"] == "out of time"
    assert time.perf_counter() - start < 5


@pytest.mark.slow
def test_a_failed_step_is_reported_and_the_next_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        on_a_gpu, "STEPS", {"gone": Step(60, STEPS["environment"].run)} | STEPS
    )  # unknown to the child process
    assert main(["--small", "--steps=gone,out_of_memory", f"--output={tmp_path}"]) == 1
    done = json.loads((tmp_path / "on-a-gpu.json").read_text())
    assert [one["state"] for one in done.values()] == ["failed", "passed"]


def test_no_step_starts_after_the_time_limit(tmp_path: Path) -> None:
    assert main(["--small", "--minutes=0", "--steps=environment", f"--output={tmp_path}"]) == 1
    assert json.loads((tmp_path / "on-a-gpu.json").read_text())["environment"]["state"] == "no time left"


def test_an_unknown_step_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--steps=speed", f"--output={tmp_path}"])
    assert "unknown step 'speed'" in capsys.readouterr().err
