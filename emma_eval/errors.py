"""The two kinds of failure that are not bugs: a user's mistake, and a sample that cannot be answered."""

from __future__ import annotations

from emma_eval.text import told


class _OneLineError(Exception):
    """Its message is one line that a terminal can print and that is the same in each run."""

    def __str__(self) -> str:
        return told(super().__str__())


class UserError(_OneLineError):
    """A mistake that the user can mend. The command line prints the message alone and exits with 2.

    The message is one readable line that names the file, key or sample and says how to mend it.
    """


class SampleError(_OneLineError):
    """One sample cannot be answered (an unreadable image, say). The run records the reason and goes on."""


class MissingToolError(UserError):
    """A program or package that only a part of the work needs is not installed; says how to install it."""
