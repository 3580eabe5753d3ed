"""Files of answers for who scores them elsewhere, a judge model or a test server: one format a name.

A format is a function of Answered that returns the file's content. It raises UserError for what a server would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emma_eval.plugins import imported, require
from emma_eval.submissions.answered import Answered

FORMATS = {
    "llava_bench": "emma_eval.submissions.llava_bench:llava_bench",
    "mathvista": "emma_eval.submissions.mathvista:mathvista",
    "mmbench": "emma_eval.submissions.mmbench:mmbench",
    "mmmu": "emma_eval.submissions.mmmu:mmmu",
    "mmvet": "emma_eval.submissions.mmvet:mmvet",
    "vizwiz": "emma_eval.submissions.vizwiz:vizwiz",
    "vqav2": "emma_eval.submissions.vqav2:vqav2",
}


def require_tools(name: str, output: Path) -> None:
    """Raise UserError for an output that the format can't be written to, or a package that is missing for it."""
    require(FORMATS[name], output)


def submission(name: str, answered: Answered) -> str | bytes:
    """The content of the file. Raises UserError where a question has no answer, or the format's rules are not met."""
    written: Callable[[Answered], str | bytes] = imported(FORMATS[name])
    return written(answered)
