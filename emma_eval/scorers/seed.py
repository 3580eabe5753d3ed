"""SEED-Bench by LLaVA's convert_seed_for_submission.py: the answer must equal the letter exactly.

Reads of a Sample: `references` (the letter as the file has it, blanks included), `category` (question type), meta
`question_type_id` and `data_type` (image, video).
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import (
    accuracy_by,
    image_of,
    mean_metric,
    parsed_answers,
    require_references,
    score_samples,
    unparsed_note,
)
from emma_eval.types import Answers, Sample, Scores

LETTERS = ("A", "B", "C", "D")


def seed(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent: all, per medium (image: types 1 to 9, video: 10 to 12) and per question type."""
    require_references(samples)
    sample_scores = score_samples(
        samples, answers, lambda sample, text: (float(text == sample.references[0]), text), image_of
    )
    scores = [score.score for score in sample_scores]
    order = sorted(range(len(samples)), key=lambda index: int(samples[index].meta["question_type_id"]))
    media = [str(samples[index].meta["data_type"]) for index in order]
    types = [samples[index].category for index in order]
    ordered = [scores[index] for index in order]
    metrics = (
        mean_metric("accuracy", scores, mean_percent),
        *accuracy_by("data_type", media, ordered, indices=order),
        *accuracy_by("question_type", types, ordered, indices=order),
    )
    return Scores(
        metrics, tuple(sample_scores), unparsed_note(parsed_answers(sample_scores), LETTERS), cluster_unit="image"
    )
