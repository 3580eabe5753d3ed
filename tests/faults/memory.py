"""Memory that runs out: of the process, of a worker, of a device."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.process import WrongError
from tests.faults.subjects import BUILT_IN, ONE, RAY, REPLICAS, REPORT, VLLM
from tests.faults.trial import Case, Trial

PAGE = os.sysconf("SC_PAGE_SIZE")
MARGIN = 3 * 2**20  # bytes that the process may still take
DEVICE_FULL = """
import torch
from emma_eval.models.multimodal.runner import ModelRunner
method, calls = ModelRunner.{name}, [0]
def failing(self, *arguments):
    calls[0] += 1
    if calls[0] in {calls}:
        raise torch.OutOfMemoryError("injected")
    return method(self, *arguments)
ModelRunner.{name} = failing
"""


def cases() -> Iterator[Case]:
    """The limit in each phase; injected errors; a worker that the system kills."""
    for subject, phases in (
        (ONE, ("planning", "loading", "generation", "scoring", "leaderboard")),
        (BUILT_IN, ("loading", "generation")),
        (REPORT, ("leaderboard",)),
        (VLLM, ("loading", "generation")),
    ):
        for phase in phases:
            yield Case("out of memory", subject, phase, limited(phase))
    yield Case("out of memory", BUILT_IN, "device once", device_full("(1,)", "generate"))
    yield Case("out of memory", ONE, "model once", model_full)
    yield Case("out of memory", VLLM, "device once", device_full("(1,)", "embed"))
    for subject in (REPLICAS, RAY):
        yield Case("out of memory", subject, "model once", model_full)
        yield Case("worker killed", subject, "generation", worker_killed)


def limited(phase: str) -> Callable[[Trial], None]:
    """A case: from a moment on the process gets hardly any more memory (`ulimit -v`)."""

    def act(trial: Trial) -> None:
        child = trial.stop_at(trial.at(phase))
        used = int(Path(f"/proc/{child.process.pid}/statm").read_text().split()[0]) * PAGE
        resource.prlimit(child.process.pid, resource.RLIMIT_AS, (used + MARGIN, resource.RLIM_INFINITY))
        child.go()
        ended = trial.ended(child.finish(), 0, 1, 2)
        if ended.code == 2 and "memory" not in ended.err:
            raise WrongError(f"it does not speak of memory: {ended.last_line}")
        before = trial.records()
        trial.mended(*(["--retry-failed"] if trial.subject is not REPORT else []))
        trial.require_kept(before)

    return act


def device_full(calls: str, name: str) -> Callable[[Trial], None]:
    """A case: the device has no memory for a batch, which is halved. No answer is lost."""

    def act(trial: Trial) -> None:
        code = DEVICE_FULL.replace("{calls}", calls).replace("{name}", name)
        child = trial.start(trial.at("generation", 0.0), code)
        child.wait_for_moment()
        child.go()
        trial.ended(child.finish(), 0)
        trial.require_whole()
        trial.again()

    return act


def model_full(trial: Trial) -> None:
    """The model of one method has no memory for a batch; its messages are asked one by one."""
    file = trial.case / "model"
    file.write_text("if len(messages) > 1: raise MemoryError('injected')")
    trial.environment["FAULT_MODEL"] = str(file)
    trial.ended(trial.start().finish(), 0)
    trial.require_whole()
    file.unlink()
    trial.again()


def worker_killed(trial: Trial) -> None:
    """As Linux does when memory runs out: the worker with SIGKILL. Another one takes the requests it had left."""
    child = trial.stop_at(trial.at("generation", 0.3))
    os.kill(child.worker(trial.subject.worker), signal.SIGKILL)
    child.go()
    trial.ended(child.finish(), 0)
    trial.require_whole()
    trial.again()
