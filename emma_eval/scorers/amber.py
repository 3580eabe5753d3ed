"""AMBER's discriminative part by its inference.py: accuracy, and precision, recall and F1 of the answer `No`.

An answer is right if it is exactly `Yes` or `No`. Every counter of the tool starts at 0.001 instead of 0, and F1 comes
from precision and recall already rounded to one place.

Reads of a Sample: `answers` ("yes" or "no"), `category` (existence, attribute, relation), meta `kind` (the category,
or of an attribute state, number, action).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from emma_eval.scorers.common import YES_OR_NO, image_of, read_of, require_truth, score_each, unread_note
from emma_eval.types import Answers, Metric, Ratio, Sample, Scores

COUNTER_START = 0.001
F1_GUARD = {"existence": 0.001}  # what keeps the tool's F1 from dividing by zero, 0.0001 elsewhere


@dataclass(frozen=True, slots=True)
class Asked:
    """One question in the tool's counters: 1 or 0 each."""

    right: float
    said_no: float
    truly_no: float


def amber(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy, precision, recall and F1 in percent: overall, by dimension, and by kind of attribute.

    The tool prints one place; here accuracy, precision and recall are unrounded.
    """
    require_truth(samples, lambda _: YES_OR_NO)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        return float(text == sample.references[0].capitalize()), text if text in ("Yes", "No") else ""

    scored = score_each(samples, answers, read, image_of)
    asked = [
        Asked(score.score, float(score.parsed_answer == "No"), float(sample.references[0] == "no"))
        for sample, score in zip(samples, scored, strict=True)
    ]
    metrics = _metrics(asked, range(len(asked)), 1)
    for (group, category), places in _places(samples).items():
        members = [asked[place] for place in places]
        counters = 3 if (group, category) == ("dimension", "attribute") else 1
        metrics += _metrics(members, places, counters, group, category)
    notes = unread_note(read_of(scored), ("Yes", "No"), "neither `Yes` nor `No`")
    return Scores(tuple(metrics), tuple(scored), notes, cluster_unit="image")


def _places(samples: Sequence[Sample]) -> dict[tuple[str, str], list[int]]:
    """Which samples are in each dimension, and of attribute in each kind."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(("dimension", sample.category), []).append(place)
        if sample.category == "attribute":
            places.setdefault(("attribute", sample.meta["kind"]), []).append(place)
    return places


def _metrics(
    rows: Sequence[Asked], places: Sequence[int], counters: int, group: str = "", category: str = ""
) -> list[Metric]:
    """`counters` is how many of the tool's counters are added up here, each of them 0.001 too large."""
    surplus = counters * COUNTER_START / len(rows)  # spread, so that it stays when samples are drawn again
    rightly_no = [row.said_no * row.truly_no for row in rows]
    ratios = {
        "accuracy": Ratio([row.right for row in rows], [1 + surplus for _ in rows], places),
        "precision": Ratio(rightly_no, [row.said_no + surplus for row in rows], places),
        "recall": Ratio(rightly_no, [row.truly_no + surplus for row in rows], places),
    }
    values = {name: fsum(ratio.numerator) / fsum(ratio.denominator or ()) * 100 for name, ratio in ratios.items()}
    p, r = round(values["precision"], 1) / 100, round(values["recall"], 1) / 100
    guard = F1_GUARD.get(category, 0.0001)
    f1 = 2 * p * r / (p + r + guard) * 100
    of_f1 = (ratios["precision"], ratios["recall"], Ratio([guard for _ in rows], sample_indices=places))
    return [
        *(
            Metric(name, value, len(rows), "percent", group, category, ratios=(ratios[name],), scale=100)
            for name, value in values.items()
        ),
        Metric("f1", f1, len(rows), "percent", group, category, ratios=of_f1, scale=100, aggregate="guarded_f1"),
    ]
