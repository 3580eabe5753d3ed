"""A judge model scores the answers, elsewhere: here there is no score, and `submit` writes the file that it takes."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.errors import UserError
from emma_eval.types import Answers, Sample, Scores


def judged(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Raise UserError: there is no score without the judge."""
    if not samples:
        raise UserError("there are no samples to score")
    raise UserError(
        f"{len(answers):,} answers to {len(samples):,} questions: a judge model scores them, not this program; write "
        "the file that the judge takes with the command submit"
    )
