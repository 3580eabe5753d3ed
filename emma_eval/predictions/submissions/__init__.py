"""Files of answers for a judge model or a test server, one module per format.

A format is a function of an AnsweredTask that returns the file's content, and raises UserError for what a server would
refuse.
"""

from __future__ import annotations

from collections.abc import Callable

from emma_eval.predictions.submissions.answered_task import AnsweredTask
from emma_eval.registry import look_up


def submission(name: str, task: AnsweredTask) -> str | bytes:
    """The content of the file. Raises UserError where a question has no answer, or the format's rules are not met."""
    write: Callable[[AnsweredTask], str | bytes] = look_up("submissions", name)
    return write(task)
