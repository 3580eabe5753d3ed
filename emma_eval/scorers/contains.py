"""An answer is right if it contains the reference: EMMA's own count for MathVista.

The reference `1` occurs in `210`, and `A` in `A dog`. This reproduces the published EMMA number; it measures little.

Reads of a Sample: `references` (one text), `category`.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import accuracy_by, mean_metric, require_references, score_samples
from emma_eval.types import Answers, Sample, Scores


def contains(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent, overall and by category; case matters."""
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        return float(sample.references[0] in text), text

    sample_scores = score_samples(samples, answers, grade)
    scores = [score.score for score in sample_scores]
    overall = mean_metric("accuracy", scores, mean_percent)
    return Scores(
        (overall, *accuracy_by("category", (sample.category for sample in samples), scores)), tuple(sample_scores)
    )
