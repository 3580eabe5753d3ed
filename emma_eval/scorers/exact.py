"""Exact match for data sets of short closed answers, such as easy-VQA.

No official tool exists for these: an answer is right if it equals the truth, or one of several, after strip,
lower-case, and the loss of one trailing full stop.

Reads of a Sample: `answers`, `category`.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import averaged, percent_by, require_truth, score_each
from emma_eval.types import Answers, Sample, Scores


def read_answer(text: str) -> str:
    """The text as it is compared."""
    return text.strip().lower().removesuffix(".")


def exact(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent, overall and by category."""
    require_truth(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = read_answer(text)
        return float(read_as in map(read_answer, sample.references)), read_as

    scored = score_each(samples, answers, read)
    hits = [score.score for score in scored]
    overall = averaged("accuracy", hits, mean_percent)
    return Scores((overall, *percent_by("category", (sample.category for sample in samples), hits)), tuple(scored))
