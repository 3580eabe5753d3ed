"""AMBER's discriminative part by its inference.py: accuracy, and precision, recall and F1 of the answer `No`.

An answer is right only if it is exactly `Yes` or `No`, as the reference is. All counters of the official tool start at
0.001, and it computes F1 from precision and recall rounded to one decimal.

Reads of a Sample: `references` ("yes" or "no"), `category` (existence, attribute, relation), meta `kind` (the category,
or of an attribute state, number, action).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from emma_eval.scorers.common import (
    YES_OR_NO,
    image_of,
    parsed_answers,
    require_references,
    score_samples,
    unparsed_note,
)
from emma_eval.types import Answers, Metric, Ratio, Sample, Scores

COUNTER_START = 0.001
F1_GUARD = {"existence": 0.001}  # added to F1's denominator by the tool; 0.0001 elsewhere


@dataclass(frozen=True, slots=True)
class QuestionCounts:
    """What one question adds to the tool's counters, 1 or 0 each."""

    correct: float
    predicted_no: float
    is_no: float


def amber(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy, precision, recall and F1 in percent: overall, by dimension, and by kind of attribute.

    The tool prints one decimal; here accuracy, precision and recall are unrounded.
    """
    require_references(samples, lambda _: YES_OR_NO)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        return float(text == sample.references[0].capitalize()), text if text in ("Yes", "No") else ""

    sample_scores = score_samples(samples, answers, grade, image_of)
    counts = [
        QuestionCounts(score.score, float(score.parsed_answer == "No"), float(sample.references[0] == "no"))
        for sample, score in zip(samples, sample_scores, strict=True)
    ]
    metrics = _metrics(counts, range(len(counts)), 1)
    for (group, category), indices in _indices_by_group(samples).items():
        members = [counts[index] for index in indices]
        num_counters = 3 if (group, category) == ("dimension", "attribute") else 1
        metrics += _metrics(members, indices, num_counters, group, category)
    notes = unparsed_note(parsed_answers(sample_scores), ("Yes", "No"), "neither `Yes` nor `No`")
    return Scores(tuple(metrics), tuple(sample_scores), notes, cluster_unit="image")


def _indices_by_group(samples: Sequence[Sample]) -> dict[tuple[str, str], list[int]]:
    """(group, category) -> indices of its samples; groups are `dimension` and, within attribute, `attribute`."""
    indices: dict[tuple[str, str], list[int]] = {}
    for index, sample in enumerate(samples):
        indices.setdefault(("dimension", sample.category), []).append(index)
        if sample.category == "attribute":
            indices.setdefault(("attribute", sample.meta["kind"]), []).append(index)
    return indices


def _metrics(
    rows: Sequence[QuestionCounts], indices: Sequence[int], num_counters: int, group: str = "", category: str = ""
) -> list[Metric]:
    """`num_counters` is how many of the tool's counters are summed here, each of them 0.001 too large."""
    surplus = num_counters * COUNTER_START / len(rows)  # spread over samples, so that resamples contain it
    true_no = [row.predicted_no * row.is_no for row in rows]
    ratios = {
        "accuracy": Ratio([row.correct for row in rows], [1 + surplus for _ in rows], indices),
        "precision": Ratio(true_no, [row.predicted_no + surplus for row in rows], indices),
        "recall": Ratio(true_no, [row.is_no + surplus for row in rows], indices),
    }
    values = {name: fsum(ratio.numerator) / fsum(ratio.denominator or ()) * 100 for name, ratio in ratios.items()}
    p, r = round(values["precision"], 1) / 100, round(values["recall"], 1) / 100
    guard = F1_GUARD.get(category, 0.0001)
    f1 = 2 * p * r / (p + r + guard) * 100
    of_f1 = (ratios["precision"], ratios["recall"], Ratio([guard for _ in rows], sample_indices=indices))
    return [
        *(
            Metric(name, value, len(rows), "percent", group, category, ratios=(ratios[name],), scale=100)
            for name, value in values.items()
        ),
        Metric("f1", f1, len(rows), "percent", group, category, ratios=of_f1, scale=100, aggregate="guarded_f1"),
    ]
