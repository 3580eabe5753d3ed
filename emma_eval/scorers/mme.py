"""MME by its eval tool, calculation.py: accuracy, accuracy of both questions of an image, and their sum as the score.

Reads of a Sample: `category` (the subtask), `answers` ("Yes" or "No"), meta `pair` (what the two questions of one
image share within the subtask).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from emma_eval.scorers.arithmetic import naive_sum
from emma_eval.scorers.common import read_of, require_truth, score_each, unread_note
from emma_eval.scorers.yes_no import Confusion, confusion_ratios, count_metrics
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores

PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
OTHER = "other"
DECIDED = ("yes", "no")
PREFIX = 4  # characters of an answer that are searched


def read_answer(text: str) -> str:
    """`yes`, else `no`, wherever either begins within the first 4 characters; else `other`."""
    prefix = text.lower()[:PREFIX]
    return "yes" if "yes" in prefix else "no" if "no" in prefix else OTHER


@dataclass(frozen=True, slots=True)
class Subtask:
    """A subtask's samples, and where they stand among all."""

    places: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    scored: list[SampleScore] = field(default_factory=list)


def mme(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Per subtask acc and acc_plus (fractions), score (points of 200), counts; perception and cognition sum the scores.

    An answer that is neither yes nor no is wrong in acc and acc_plus, but left out of precision and recall.
    """
    require_truth(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = read_answer(text)
        return float(read_as == sample.references[0].lower()), read_as

    scored = score_each(samples, answers, read, lambda sample: f"{sample.category}/{sample.meta['pair']}")
    by_subtask: dict[str, Subtask] = {}
    for place, (sample, score) in enumerate(zip(samples, scored, strict=True)):
        subtask = by_subtask.setdefault(sample.category, Subtask())
        subtask.places.append(place)
        subtask.samples.append(sample)
        subtask.scored.append(score)
    subtasks = sorted(by_subtask, key=_official_place)
    metrics = [metric for name in subtasks for metric in _subtask_metrics(name, by_subtask[name])]
    scores = [metric for metric in metrics if metric.name == "score"]
    totals = (
        _total("score", scores, subtasks),
        _total("perception", scores, PERCEPTION),
        _total("cognition", scores, COGNITION),
    )
    notes = (*_notes(by_subtask), *unread_note(read_of(scored), DECIDED, "neither yes nor no"))
    return Scores((*totals, *metrics), tuple(scored), tuple(notes), cluster_unit="image pair")


def _total(name: str, scores: Sequence[Metric], subtasks: Sequence[str]) -> Metric:
    members = [score for score in scores if score.category in subtasks]
    return Metric(
        name,
        naive_sum(score.value for score in members),
        sum(score.n for score in members),
        "points",
        ratios=tuple(ratio for score in members for ratio in score.ratios),
        scale=100,
    )


def _official_place(subtask: str) -> int:
    order = PERCEPTION + COGNITION
    return order.index(subtask) if subtask in order else len(order)


def _subtask_metrics(name: str, subtask: Subtask) -> list[Metric]:
    acc_parts = Ratio([score.score for score in subtask.scored], sample_indices=subtask.places)
    plus_parts = _both_right(subtask)
    acc = naive_sum(acc_parts.numerator) / len(acc_parts.numerator)
    acc_plus = naive_sum(plus_parts.numerator) / len(plus_parts.numerator)
    rows = list(zip(subtask.places, subtask.samples, subtask.scored, strict=True))
    decided = [
        (place, (score.parsed_answer == "yes", sample.references[0].lower() == "yes"))
        for place, sample, score in rows
        if score.parsed_answer in DECIDED
    ]
    pairs = [pair for _, pair in decided]
    confusion = Confusion.count(pairs)
    ratios = confusion_ratios(pairs, [place for place, _ in decided])
    n, group = len(rows), "subtask"
    undecided = Ratio(
        [float(score.parsed_answer not in DECIDED) for score in subtask.scored], sample_indices=subtask.places
    )
    both = (acc_parts, plus_parts)
    return [
        Metric("score", acc * 100 + acc_plus * 100, n, "points", group, name, ratios=both, scale=100),
        Metric("acc", acc, n, "fraction", group, name, ratios=(acc_parts,)),
        Metric("acc_plus", acc_plus, n, "fraction", group, name, ratios=(plus_parts,)),
        Metric("precision", confusion.precision, n, "fraction", group, name, ratios=(ratios["precision"],)),
        Metric("recall", confusion.recall, n, "fraction", group, name, ratios=(ratios["recall"],)),
        *count_metrics(confusion, ratios, group, name),
        Metric("other", n - confusion.n, n, "count", group, name, False, (undecided,), n),
    ]


def _both_right(subtask: Subtask) -> Ratio:
    """For each pair of questions, whether both are answered rightly; the pair stands where its first question does."""
    hits_of_pair: dict[object, list[float]] = {}
    firsts: dict[object, int] = {}
    for place, sample, score in zip(subtask.places, subtask.samples, subtask.scored, strict=True):
        hits_of_pair.setdefault(sample.meta["pair"], []).append(score.score)
        firsts.setdefault(sample.meta["pair"], place)
    return Ratio([float(hits == [1.0, 1.0]) for hits in hits_of_pair.values()], sample_indices=list(firsts.values()))


def _notes(by_subtask: Mapping[str, Subtask]) -> list[str]:
    notes = []
    for name, subtask in by_subtask.items():
        if not any(score.parsed_answer in DECIDED for score in subtask.scored):
            notes.append(f"{name}: no answer reads as yes or no; the official tool stops there, here its score is 0")
    absent = [subtask for subtask in PERCEPTION + COGNITION if subtask not in by_subtask]
    if absent:
        notes.append(f"subtasks not in the data: {', '.join(absent)}; perception and cognition sum over those present")
    return notes
