"""Files of answers for who scores them elsewhere, a judge model or a test server: one format a name.

A format is a function of Answered that returns the file's content. It raises UserError for what a server would refuse.
"""

from __future__ import annotations

from collections.abc import Callable

from emma_eval.predictions.submissions.answered import Answered
from emma_eval.registry import look_up


def submission(name: str, answered: Answered) -> str | bytes:
    """The content of the file. Raises UserError where a question has no answer, or the format's rules are not met."""
    written: Callable[[Answered], str | bytes] = look_up("submissions", name)
    return written(answered)
