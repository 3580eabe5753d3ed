"""SEED-Bench by LLaVA's convert_seed_for_submission.py: the answer must equal the letter exactly.

Reads of a Sample: `answers` (the letter as the file has it, blanks included), `category` (question type), meta
`question_type_id` and `data_type` (image, video).
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import averaged, image_of, percent_by, read_of, require_truth, score_each, unread_note
from emma_eval.types import Answers, Sample, Scores

LETTERS = ("A", "B", "C", "D")


def seed(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent: all, per medium (image: types 1 to 9, video: 10 to 12) and per question type."""
    require_truth(samples)
    scored = score_each(samples, answers, lambda sample, text: (float(text == sample.references[0]), text), image_of)
    hits = [score.score for score in scored]
    order = sorted(range(len(samples)), key=lambda place: int(samples[place].meta["question_type_id"]))
    media = [str(samples[place].meta["data_type"]) for place in order]
    types = [samples[place].category for place in order]
    ordered = [hits[place] for place in order]
    metrics = (
        averaged("accuracy", hits, mean_percent),
        *percent_by("data_type", media, ordered, places=order),
        *percent_by("question_type", types, ordered, places=order),
    )
    return Scores(metrics, tuple(scored), unread_note(read_of(scored), LETTERS), cluster_unit="image")
