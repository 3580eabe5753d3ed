"""Examine one input under limits of time and memory, in this process; `workers` does so in many."""

from __future__ import annotations

import random
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from emma_eval.errors import EmmaEvalError
from tests.bad_input.outcome import Outcome, SilentlyWrongError, Target, Verdict, require_good_message
from tests.open_files import open_files

MAX_BYTES = 4 * 10**9  # beyond what the process has before the first input
NO_MEMORY = "not enough memory"


class HangError(BaseException):
    """The seconds are over. No Exception, so that nothing on the way takes it for an error of the input."""


def examine(target: Target, state: Any, seed: int, number: int) -> Verdict:
    """The verdict on one input. The same target, seed and number make the same input."""
    verdict = _attempt(target, state, seed, number)
    if verdict.outcome is Outcome.HANG:  # or was the whole process stopped for a while?
        verdict = _attempt(target, state, seed, number)
    return verdict


def random_numbers(target: Target, seed: int, number: int) -> random.Random:
    """The random numbers of which one input is made; they know its number."""
    rng = random.Random(f"{seed}/{target.name}/{number}")
    rng.number = number  # type: ignore[attr-defined]
    return rng


def _attempt(target: Target, state: Any, seed: int, number: int) -> Verdict:
    began, before = time.perf_counter(), open_files()
    try:
        with _alarm(target.seconds):
            outcome, detail = judged(target, state, random_numbers(target, seed, number)), ""
    except BaseException as error:
        outcome, detail = _failure(error, target.seconds)
    if left := open_files() - before:  # a thousand such inputs, and no file can be opened any more
        outcome, detail = Outcome.TRACEBACK, f"left open: {', '.join(sorted(left))}"
    return Verdict(outcome, detail, time.perf_counter() - began)


def _failure(error: BaseException, seconds: float) -> tuple[Outcome, str]:
    match error:
        case HangError():
            return Outcome.HANG, f"more than {seconds} s"
        case SilentlyWrongError():
            return Outcome.WRONG, str(error)
        case MemoryError():
            return Outcome.MEMORY, "".join(traceback.format_exception(error, limit=-4))
        case EmmaEvalError():
            return Outcome.MEMORY if NO_MEMORY in str(error) else Outcome.REFUSED, str(error)
    return Outcome.TRACEBACK, "".join(traceback.format_exception(error, limit=-8))


def judged(target: Target, state: Any, rng: random.Random) -> Outcome:
    """The outcome of one input, or whatever is raised; a refusal's message must be a good one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return target.examine(state, rng)
        except EmmaEvalError as error:
            require_good_message(str(error))
            raise


def limit_memory() -> None:
    """Let this process have MAX_BYTES more than it has now."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MAX_BYTES, resource.RLIM_INFINITY))


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
