"""Replicas that are real processes: one that hangs is noticed, one that is slow is left in peace."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emma_eval.inference.replicas import processes
from emma_eval.inference.replicas.engine import ReplicatedEngine
from emma_eval.inference.replicas.fleet import ReplicaJob
from emma_eval.inference.replicas.processes import ProcessFleet
from emma_eval.models.base import ModelSpec
from emma_eval.types import Generation, InferenceStats, Request
from tests.installed_package import install_package

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads times of processes in /proc")

MODEL = """
import time
from emma_eval.inference.replicas import worker

worker.BEAT_SECONDS = 0.1

class Mute:
    batch_size = 8
    options = {"pause": "seconds", "computes": "for some seconds, without giving other threads a turn"}

    def __init__(self, spec):
        self.pause, self.computes = float(spec.options["pause"]), "computes" in spec.options

    def generate(self, messages):
        if self.computes:
            sum(range(10**8))
        else:
            time.sleep(self.pause)
        return [message.text[:8] for message in messages]
"""
LIMIT = 0.6  # seconds


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model as an installed package."""
    install_package(tmp_path, "mute", MODEL, "Mute")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(processes, "FROZEN_SECONDS", LIMIT)
    monkeypatch.setattr(processes, "TICK_SECONDS", 0.05)


@pytest.fixture
def lines() -> list[str]:
    return []


def fleet(replicas: int, **options: str) -> ProcessFleet:
    return ProcessFleet(ReplicaJob(ModelSpec("mute", options=options), "auto"), [{"OMP_NUM_THREADS": "1"}] * replicas)


def requests(count: int, length: int = 10) -> list[Request]:
    return [Request(str(number), 0, f"{number:08}".ljust(length, "."), "") for number in range(count)]


def numbers(one: ReplicatedEngine, asked: list[Request]) -> Iterator[int]:
    for index, outcome in one.generate(asked, InferenceStats()):
        assert isinstance(outcome, Generation)
        assert int(outcome.text) == index
        yield index


def test_a_stopped_process_is_killed_and_its_requests_are_answered(lines: list[str]) -> None:
    """Its lease is larger than the socket's buffer: nobody waits until it is taken."""
    two = fleet(2, pause="0.01")
    asked = requests(400, length=20_000)
    with closing(ReplicatedEngine(two, lines.append)) as one:
        stopped = two._processes[1].process
        os.kill(stopped.pid, signal.SIGSTOP)
        assert sorted(numbers(one, asked)) == list(range(len(asked)))
    assert stopped.returncode == -signal.SIGKILL
    (line,) = lines
    assert line.startswith("replica 2 died (killed, for it gave no sign of life for 1 s); its ")
    assert line.endswith(" requests go to the others; restart 1 of 3")


@pytest.mark.parametrize("options", [{}, {"computes": "yes"}], ids=["waits", "computes"])
def test_a_process_that_is_slow_is_left_in_peace(lines: list[str], options: dict[str, str]) -> None:
    with closing(ReplicatedEngine(fleet(1, pause=str(2.5 * LIMIT), **options), lines.append)) as one:
        assert sorted(numbers(one, requests(8))) == list(range(8))
    assert lines == []


def test_a_pause_of_this_process_is_not_held_against_the_others(lines: list[str]) -> None:
    with closing(ReplicatedEngine(two := fleet(2, pause="0.05"), lines.append)) as one:
        found = numbers(one, requests(100))
        first = next(found)
        ids = [process.process.pid for process in two._processes.values()]
        for number in ids:
            os.kill(number, signal.SIGSTOP)
        time.sleep(2 * LIMIT)  # as when all are stopped together
        for number in ids:
            os.kill(number, signal.SIGCONT)
        assert sorted([first, *found]) == list(range(100))
    assert lines == []


def test_closing_ends_a_stopped_process_too() -> None:
    one = ReplicatedEngine(two := fleet(2, pause="0.01"), print)
    started = [process.process for process in two._processes.values()]
    os.kill(started[0].pid, signal.SIGSTOP)
    one.close()
    assert [process.returncode for process in started] == [-signal.SIGKILL, 0]
