"""How one malformed input may end: refused in a line, understood rightly, or as a fault."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

HANG_SECONDS = 10
LONGEST_MESSAGE = 3010  # characters


class Outcome(StrEnum):
    """The first four are right."""

    REFUSED = "refused"  # an error of one line
    SAME = "same"  # the damage touches nothing that is read, and the result is the clean one
    CHANGED = "changed"  # the input says something else now, and the result says exactly that
    TOLD = "told"  # another result, with a note that says so
    TRACEBACK = "traceback"
    HANG = "hang"
    MEMORY = "memory"
    WRONG = "silently wrong"


RIGHT = (Outcome.REFUSED, Outcome.SAME, Outcome.CHANGED, Outcome.TOLD)
FAULTS = (Outcome.TRACEBACK, Outcome.HANG, Outcome.MEMORY, Outcome.WRONG)


class SilentlyWrongError(Exception):
    """A result that differs from the clean one for no reason that stands in the input, and nobody was told."""


def require(holds: object, message: str) -> None:
    """Raise SilentlyWrongError unless it holds."""
    if not holds:
        raise SilentlyWrongError(message)


@dataclass(frozen=True)
class Verdict:
    """The outcome of one input; `detail` says what happened, for people."""

    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Target:
    """A kind of input.

    `prepare` makes what is clean in an empty folder; `examine` makes one malformed input by the random numbers, gives
    it to the program and judges the result. It raises SilentlyWrongError for a wrong one, and lets the program's errors
    out, which are judged outside.
    """

    name: str
    what: str  # what the inputs are, for the table
    wrong: str  # what counts as silently wrong, for the document
    count: int  # inputs of a whole run
    prepare: Callable[[Path], Any]
    examine: Callable[[Any, random.Random], Outcome]
    seconds: float = HANG_SECONDS  # of one input


def require_good_message(message: str) -> None:
    """Raise AssertionError unless the message is one short line that a terminal can print as it is."""
    assert message.strip(), "an empty message"
    assert "\n" not in message, f"a message of several lines: {message!r:.300}"
    assert len(message) <= LONGEST_MESSAGE, f"a message of {len(message)} characters: {message!r:.300}"
    assert not {"\x1b", "\x07", "\x9b", "\0"} & set(message), f"control characters: {message!r:.300}"
    assert " at 0x" not in message, f"a memory address: {message!r:.300}"
