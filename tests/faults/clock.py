"""A clock that is set back between two sessions, and within one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.faults.subjects import BUILT_IN, JUDGE, MERGE, ONE, RAY, REPLICAS, REPORT, SERVER, VLLM
from tests.faults.trial import Case, Trial

BACK = "-3d"
LIBRARIES = ("/usr/lib", "/usr/local/lib", os.environ.get("FAULT_LIBRARIES", "/opt"))  # libfaketime is below one


def cases() -> Iterator[Case]:
    """Back by three days."""
    missing = "" if library() else "libfaketime is not installed"
    for subject in (ONE, BUILT_IN, REPLICAS, SERVER, JUDGE, VLLM, RAY):
        yield Case("clock set back", subject, "between", between, missing)
    for subject in (ONE, REPLICAS, JUDGE):
        yield Case("clock set back", subject, "within", within, missing)
    for subject in (MERGE, REPORT):
        yield Case("clock set back", subject, "before", before, missing)


@cache
def library() -> str:
    """Where libfaketime is; empty where it is not installed."""
    found = (path for root in LIBRARIES for path in Path(root).glob("**/libfaketime.so.1"))
    return str(next(found, ""))


def set_back(trial: Trial, by: str) -> Path:
    """Let the command's clock be set by a file, which is returned. Timers and monotonic time go on as ever."""
    clock = trial.case / "clock"
    clock.write_text(by)
    trial.environment |= {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
    return clock


def between(trial: Trial) -> None:
    """The second session begins before the first."""
    trial.interrupt()
    set_back(trial, BACK)
    before_it = trial.records()
    trial.again()
    trial.require_kept(before_it)


def within(trial: Trial) -> None:
    """The clock jumps back while answers come."""
    clock = set_back(trial, "+0d")
    child = trial.stop_at(trial.at("generation"))
    clock.write_text(BACK)
    child.go()
    trial.ended(child.finish(), 0)
    trial.require_whole()
    trial.again()


def before(trial: Trial) -> None:
    """What is read was written in the future."""
    set_back(trial, BACK)
    trial.again()
