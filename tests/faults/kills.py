"""Signals at random moments: imports, planning, loading, generation, scoring, reporting, the end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

from tests.faults.subject import Subject
from tests.faults.subjects import BUILT_IN, JUDGE, MERGE, ONE, RAY, REPLICAS, REPORT, SERVER, VLLM
from tests.faults.trial import Case, Trial

# How often each command is killed in each phase, by SIGKILL, SIGTERM and SIGINT in turn.
MOMENTS: tuple[tuple[Subject, dict[str, int]], ...] = (
    (ONE, {"start": 3, "planning": 2, "loading": 2, "generation": 4, "scoring": 3, "leaderboard": 3, "exit": 3}),
    (BUILT_IN, {"start": 1, "loading": 2, "generation": 3, "leaderboard": 1}),
    (REPLICAS, {"loading": 2, "generation": 3, "scoring": 1}),
    (SERVER, {"loading": 1, "generation": 4}),
    (JUDGE, {"planning": 1, "generation": 3, "scoring": 1}),
    (MERGE, {"planning": 1, "generation": 2, "scoring": 2}),
    (REPORT, {"start": 1, "leaderboard": 1}),
    (VLLM, {"start": 1, "loading": 4, "generation": 5, "scoring": 1, "exit": 1}),
    (RAY, {"loading": 3, "generation": 6, "exit": 1}),
)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {
    signal.SIGKILL: (-signal.SIGKILL, 0),
    signal.SIGTERM: (130, -signal.SIGTERM, 0),  # -15: a command without state has no handler of its own
    signal.SIGINT: (130, -signal.SIGINT, 0),  # -2: a second Ctrl-C while Python ends; a shell says 130 of it, too
}
LONGEST_DELAY = 0.03  # seconds after the moment, so that it is not always between two steps of Python


def cases() -> Iterator[Case]:
    """The moments, the signals in turn."""
    turn = 0
    for subject, phases in MOMENTS:
        for phase, count in phases.items():
            for number in range(1, count + 1):
                sent = SIGNALS[turn % len(SIGNALS)]
                turn += 1
                kind = {signal.SIGKILL: "kill -9", signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}[sent]
                yield Case(kind, subject, f"{phase} {number}", killed(phase, sent))


def killed(phase: str, sent: signal.Signals) -> Callable[[Trial], None]:
    """A case: a signal in a phase."""

    def act(trial: Trial) -> None:
        child = trial.stop_at(trial.at(phase))
        if trial.rng.random() < 0.5:  # at the moment itself: between two halves of a record, say
            child.send(sent)
        child.go()
        time.sleep(trial.rng.uniform(0, LONGEST_DELAY))
        child.send(sent)
        trial.ended(child.finish(), *CODES[sent])
        before = trial.records()
        if trial.subject is MERGE and (trial.folder / "manifest.json").exists():
            trial.require_whole()
            return
        trial.again()
        trial.require_kept(before)

    return act
