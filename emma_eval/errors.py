"""The two kinds of failure that are not bugs: a user's mistake, and a sample that cannot be answered."""

from __future__ import annotations

import re

# What moves a terminal's cursor, colours it or turns its text around; line ends and tabs stay.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class _OneLineError(Exception):
    """Its message is one line that a terminal can print and that is the same in each run."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class UserError(_OneLineError):
    """A mistake that the user can mend. The command line prints the message alone and exits with 2.

    The message is one readable line that names the file, key or sample and says how to mend it.
    """


class SampleError(_OneLineError):
    """One sample cannot be answered (an unreadable image, say). The run records the reason and goes on."""


class MissingToolError(UserError):
    """A program or package that only a part of the work needs is not installed; says how to install it."""


def printable(text: str) -> str:
    r"""The text with `\x1b` for ESC and the like for the other control characters but line ends and tabs.

    JSON stays JSON: what it may hold unescaped of them becomes `\u009b`.

    Whatever comes from a file goes through here before it reaches a terminal.
    """
    return _CONTROL.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 32 else f"\\u{ord(character):04x}"


def one_line(message: str) -> str:
    """A message in one printable line, without the memory addresses that Python puts into the names of things."""
    return printable(" ".join(_ADDRESS.sub("", message).split("\n")).replace("\r", " "))
