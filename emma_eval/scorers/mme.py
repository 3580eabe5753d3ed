"""MME by its eval tool, calculation.py: accuracy, accuracy of both questions of a picture, and their sum as the score.

Reads of a Sample: `category` (the subtask), `answers` ("Yes" or "No"), meta `pair` (what the two questions of one
picture share within the subtask).
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import naive_sum
from emma_eval.scorers.common import require_truth, score_each
from emma_eval.scorers.yes_no import Confusion
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores

PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
OTHER = "other"
PREFIX = 4  # characters of an answer that are searched


def read_answer(text: str) -> str:
    """`yes`, else `no`, wherever either begins within the first 4 characters; else `other`."""
    prefix = text.lower()[:PREFIX]
    return "yes" if "yes" in prefix else "no" if "no" in prefix else OTHER


def mme(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Per subtask acc and acc_plus (fractions), score (points of 200), counts; perception and cognition sum the scores.

    An answer that is neither yes nor no is wrong in acc and acc_plus, but left out of precision and recall.
    """
    require_truth(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = read_answer(text)
        return float(read_as == sample.answers[0].lower()), read_as

    scored = score_each(samples, answers, read)
    by_subtask: dict[str, list[tuple[Sample, SampleScore]]] = {}
    for sample, score in zip(samples, scored, strict=True):
        by_subtask.setdefault(sample.category, []).append((sample, score))
    subtasks = sorted(by_subtask, key=_official_place)
    metrics = [metric for subtask in subtasks for metric in _subtask_metrics(subtask, by_subtask[subtask])]
    scores = [metric for metric in metrics if metric.name == "score"]
    totals = (
        _total("score", scores, subtasks),
        _total("perception", scores, PERCEPTION),
        _total("cognition", scores, COGNITION),
    )
    return Scores((*totals, *metrics), tuple(scored), tuple(_notes(by_subtask)))


def _total(name: str, scores: Sequence[Metric], subtasks: Sequence[str]) -> Metric:
    members = [score for score in scores if score.category in subtasks]
    return Metric(name, naive_sum(score.value for score in members), sum(score.n for score in members), "points")


def _official_place(subtask: str) -> int:
    order = PERCEPTION + COGNITION
    return order.index(subtask) if subtask in order else len(order)


def _subtask_metrics(subtask: str, rows: Sequence[tuple[Sample, SampleScore]]) -> list[Metric]:
    hits_of_pair: dict[object, list[float]] = {}
    for sample, score in rows:
        hits_of_pair.setdefault(sample.meta["pair"], []).append(score.value)
    both_right = sum(hits == [1.0, 1.0] for hits in hits_of_pair.values())
    acc = naive_sum(score.value for _, score in rows) / len(rows)
    acc_plus = both_right / len(hits_of_pair)
    decided = [
        (score.read_as == "yes", s.answers[0].lower() == "yes") for s, score in rows if score.read_as in {"yes", "no"}
    ]
    confusion = Confusion.count(decided)
    fractions = {"acc": acc, "acc_plus": acc_plus, "precision": confusion.precision, "recall": confusion.recall}
    counts = {
        "tp": confusion.tp,
        "fn": confusion.fn,
        "tn": confusion.tn,
        "fp": confusion.fp,
        "other": len(rows) - confusion.n,
    }
    n, group = len(rows), "subtask"
    return [
        Metric("score", acc * 100 + acc_plus * 100, n, "points", group, subtask),
        *(Metric(name, value, n, "fraction", group, subtask) for name, value in fractions.items()),
        *(Metric(name, value, n, "count", group, subtask) for name, value in counts.items()),
    ]


def _notes(by_subtask: dict[str, list[tuple[Sample, SampleScore]]]) -> list[str]:
    notes = []
    for subtask, rows in by_subtask.items():
        if not any(score.read_as in {"yes", "no"} for _, score in rows):
            notes.append(f"{subtask}: no answer reads as yes or no; the official tool stops there, here its score is 0")
    absent = [subtask for subtask in PERCEPTION + COGNITION if subtask not in by_subtask]
    if absent:
        notes.append(f"subtasks not in the data: {', '.join(absent)}; perception and cognition sum over those present")
    return notes
