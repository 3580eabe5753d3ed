"""What hangs: a worker, a server, a judge, for a while and for ever; what goes away."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from tests.fake_server import Reply, error
from tests.faults.subjects import JUDGE, RAY, REPLICAS, SERVER
from tests.faults.trial import Case, Trial

SILENT = 100.0  # seconds, longer than the case waits
LOWERED = {  # of 120 and 600
    REPLICAS.name: "import emma_eval.inference.replicas.processes as here; here.FROZEN_SECONDS = 3.0",
    RAY.name: "import emma_eval.inference.replicas.ray_fleet as here; here.FROZEN_SECONDS = 8.0",
}
Behave = Callable[[dict[str, Any], int], "Reply | dict[str, Any]"]


def cases() -> Iterator[Case]:
    """A worker that is stopped; a server and a judge that hang, fail, break off."""
    for subject in (REPLICAS, RAY):
        yield Case("worker hangs", subject, "one", worker_hangs)
        yield Case("worker hangs", subject, "Ctrl-C", worker_hangs_interrupted)
    for subject in (SERVER, JUDGE):
        kind = "judge" if subject is JUDGE else "server"
        for name, fault in PASSING.items():
            yield Case(f"{kind} hangs", subject, name, passing(fault))
        for name, fault in LASTING.items():
            yield Case(f"{kind} hangs", subject, f"{name} for ever", lasting(fault))
        yield Case(f"{kind} hangs", subject, "Ctrl-C", hangs_interrupted)


PASSING: dict[str, Reply] = {
    "silent": Reply(delay=SILENT),
    "cut": Reply({"half": "of a reply"}, cut=True),
    "gone": Reply(no_status=True),
    "busy": error(503, "busy"),
}
LASTING = {name: PASSING[name] for name in ("silent", "gone")}


def worker_hangs(trial: Trial) -> None:
    """It is stopped in the middle of its work: it is killed, another takes its requests.

    One that had just finished its last lease is not missed, and nothing is said.
    """
    child = trial.stop_at(trial.at("generation", 0.3), LOWERED[trial.subject.name])
    os.kill(child.worker(trial.subject.worker), signal.SIGSTOP)
    child.go()
    trial.ended(child.finish(), 0)
    trial.require_whole()
    trial.again()


def worker_hangs_interrupted(trial: Trial) -> None:
    """Ctrl-C while a worker hangs ends the run in seconds, and the worker."""
    child = trial.stop_at(trial.at("generation", 0.3))
    os.kill(child.worker(trial.subject.worker), signal.SIGSTOP)
    child.go()
    child.send(signal.SIGINT)
    trial.ended(child.finish(), 130)
    before = trial.records()
    trial.again()
    trial.require_kept(before)


def at_some(fault: Reply, behave: Behave, first: int, last: int) -> Behave:
    """The requests of these numbers meet the fault."""

    def faulty(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return fault if first <= number < last else behave(body, number)

    return faulty


def passing(fault: Reply) -> Callable[[Trial], None]:
    """A case: some requests meet the fault and are asked again."""

    def act(trial: Trial) -> None:
        asked = len(trial.place.server.bodies)
        behave = trial.place.server.behave
        trial.place.server.behave = at_some(fault, behave, asked + 3, asked + 6)
        trial.ended(trial.start().finish(), 0)
        trial.require_whole()
        trial.again()

    return act


def lasting(fault: Reply) -> Callable[[Trial], None]:
    """A case: after some answers nothing but the fault; the command gives up, and goes on once the server is back."""

    def act(trial: Trial) -> None:
        asked = len(trial.place.server.bodies)
        behave = trial.place.server.behave
        trial.place.server.behave = at_some(fault, behave, asked + 3, 10**9)
        trial.ended(trial.start().finish(), 2, says="the same command goes on")
        before = trial.records()
        trial.place.server.behave = behave
        trial.again()
        trial.require_kept(before)

    return act


def hangs_interrupted(trial: Trial) -> None:
    """Ctrl-C while the server is silent."""
    asked = len(trial.place.server.bodies)
    behave = trial.place.server.behave
    trial.place.server.behave = at_some(Reply(delay=SILENT), behave, asked + 3, 10**9)
    child = trial.start()
    trial.wait_for_records(child, 2)
    child.send(signal.SIGINT)
    trial.ended(child.finish(20), 130)
    before = trial.records()
    trial.place.server.behave = behave
    trial.again()
    trial.require_kept(before)
