"""An answer is right if it contains the reference: EMMA's own count for MathVista.

The reference `1` occurs in `210`, and `A` in `A dog`. This reproduces the published EMMA number; it measures little.

Reads of a Sample: `references` (one text), `category`.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.common import accuracy_scores, require_references, score_samples
from emma_eval.types import Answers, Sample, Scores


def contains(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent, overall and by category; case matters."""
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        return float(sample.references[0] in text), text

    return accuracy_scores(samples, score_samples(samples, answers, grade))
