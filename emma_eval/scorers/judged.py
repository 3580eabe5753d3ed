"""For benchmarks that a judge model scores: there is no score here, but by the command `judge`."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.errors import UserError
from emma_eval.types import Answers, Sample, Scores


def judged(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Raise UserError: there is no score without the judge."""
    if not samples:
        raise UserError("there are no samples to score")
    raise UserError(
        f"{len(answers):,} answers to {len(samples):,} questions: rules cannot score them, a judge model can: `run` "
        "the task, then `judge TASK RUN --judge openai:NAME --base-url URL`; or `submit` writes a file for other tools"
    )
