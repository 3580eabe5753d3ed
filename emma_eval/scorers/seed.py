"""SEED-Bench by LLaVA's convert_seed_for_submission.py: the answer must equal the letter exactly.

Reads of a Sample: `answers` (the letter as the file has it, blanks included), `category` (question type), meta
`question_type_id` and `data_type` (image, video).
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import percent_by, require_truth, score_each
from emma_eval.types import Answers, Metric, Sample, Scores


def seed(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent: all, per medium (image: types 1 to 9, video: 10 to 12) and per question type."""
    require_truth(samples)
    scored = score_each(samples, answers, lambda sample, text: (float(text == sample.answers[0]), text))
    hits = [score.value for score in scored]
    by_type = sorted(zip(samples, hits, strict=True), key=lambda row: int(row[0].meta["question_type_id"]))
    ordered, ordered_hits = [sample for sample, _ in by_type], [hit for _, hit in by_type]
    metrics = (
        Metric("accuracy", mean_percent(hits), len(hits), "percent"),
        *percent_by("data_type", (str(sample.meta["data_type"]) for sample in ordered), ordered_hits),
        *percent_by("question_type", (sample.category for sample in ordered), ordered_hits),
    )
    return Scores(metrics, tuple(scored))
