"""Whether the true answer occurs in the output: EMMA's own count for MathVista.

The truth `1` occurs in `210`, and `A` in `A dog`: no measure, but what the published EMMA number was made with.

Reads of a Sample: `answers` (one text), `category`.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import averaged, percent_by, require_truth, score_each
from emma_eval.types import Answers, Sample, Scores


def contains(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent, overall and by category; letters must agree in case."""
    require_truth(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        return float(sample.references[0] in text), text

    scored = score_each(samples, answers, read)
    hits = [score.score for score in scored]
    overall = averaged("accuracy", hits, mean_percent)
    return Scores((overall, *percent_by("category", (sample.category for sample in samples), hits)), tuple(scored))
