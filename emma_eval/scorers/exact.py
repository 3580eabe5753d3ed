"""Exact match for data sets of short closed answers, such as easy-VQA.

There is no official tool. An answer is right if it equals one of the references, both stripped, lower-cased and without
one trailing full stop.

Reads of a Sample: `references`, `category`.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.common import accuracy_scores, require_references, score_samples
from emma_eval.types import Answers, Sample, Scores


def normalize(text: str) -> str:
    """The text as it is compared."""
    return text.strip().lower().removesuffix(".")


def exact(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent, overall and by category."""
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = normalize(text)
        return float(parsed in map(normalize, sample.references)), parsed

    return accuracy_scores(samples, score_samples(samples, answers, grade))
