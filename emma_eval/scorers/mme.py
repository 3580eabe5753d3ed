"""MME by its eval tool, calculation.py: accuracy, accuracy of both questions of an image, and their sum as the score.

Reads of a Sample: `category` (the subtask), `references` ("Yes" or "No"), meta `pair` (equal for the two questions
of one image within the subtask).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from emma_eval.scorers.arithmetic import naive_sum
from emma_eval.scorers.common import parsed_answers, require_references, score_samples, unparsed_note
from emma_eval.scorers.yes_no import Confusion, confusion_ratios, count_metrics
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores

PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
OTHER = "other"
DECIDED = ("yes", "no")
PREFIX = 4  # characters of an answer that are searched


def parse_answer(text: str) -> str:
    """`yes` if it is within the first 4 characters, else `no` likewise, else `other`."""
    prefix = text.lower()[:PREFIX]
    return "yes" if "yes" in prefix else "no" if "no" in prefix else OTHER


@dataclass(frozen=True, slots=True)
class Subtask:
    """A subtask's samples, their scores and their indices in Scores.samples."""

    indices: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    sample_scores: list[SampleScore] = field(default_factory=list)


def mme(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Of each subtask acc, acc_plus (fractions), score (of 200 points) and counts; perception and cognition sum scores.

    An answer that is neither yes nor no is wrong in acc and acc_plus, and left out of precision and recall.
    """
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = parse_answer(text)
        return float(parsed == sample.references[0].lower()), parsed

    sample_scores = score_samples(samples, answers, grade, lambda sample: f"{sample.category}/{sample.meta['pair']}")
    by_subtask: dict[str, Subtask] = {}
    for index, (sample, score) in enumerate(zip(samples, sample_scores, strict=True)):
        subtask = by_subtask.setdefault(sample.category, Subtask())
        subtask.indices.append(index)
        subtask.samples.append(sample)
        subtask.sample_scores.append(score)
    subtasks = sorted(by_subtask, key=_official_rank)
    metrics = [metric for name in subtasks for metric in _subtask_metrics(name, by_subtask[name])]
    scores = [metric for metric in metrics if metric.name == "score"]
    totals = (
        _total("score", scores, subtasks),
        _total("perception", scores, PERCEPTION),
        _total("cognition", scores, COGNITION),
    )
    notes = (*_notes(by_subtask), *unparsed_note(parsed_answers(sample_scores), DECIDED, "neither yes nor no"))
    return Scores((*totals, *metrics), tuple(sample_scores), tuple(notes), cluster_unit="image pair")


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


def _official_rank(subtask: str) -> int:
    order = PERCEPTION + COGNITION
    return order.index(subtask) if subtask in order else len(order)


def _subtask_metrics(name: str, subtask: Subtask) -> list[Metric]:
    acc_ratio = Ratio([score.score for score in subtask.sample_scores], sample_indices=subtask.indices)
    plus_ratio = _both_right(subtask)
    acc = naive_sum(acc_ratio.numerator) / len(acc_ratio.numerator)
    acc_plus = naive_sum(plus_ratio.numerator) / len(plus_ratio.numerator)
    rows = list(zip(subtask.indices, subtask.samples, subtask.sample_scores, strict=True))
    decided = [
        (index, (score.parsed_answer == "yes", sample.references[0].lower() == "yes"))
        for index, sample, score in rows
        if score.parsed_answer in DECIDED
    ]
    pairs = [pair for _, pair in decided]
    confusion = Confusion.count(pairs)
    ratios = confusion_ratios(pairs, [index for index, _ in decided])
    n, group = len(rows), "subtask"
    undecided = Ratio(
        [float(score.parsed_answer not in DECIDED) for score in subtask.sample_scores], sample_indices=subtask.indices
    )
    both = (acc_ratio, plus_ratio)
    return [
        Metric("score", acc * 100 + acc_plus * 100, n, "points", group, name, ratios=both, scale=100),
        Metric("acc", acc, n, "fraction", group, name, ratios=(acc_ratio,)),
        Metric("acc_plus", acc_plus, n, "fraction", group, name, ratios=(plus_ratio,)),
        Metric("precision", confusion.precision, n, "fraction", group, name, ratios=(ratios["precision"],)),
        Metric("recall", confusion.recall, n, "fraction", group, name, ratios=(ratios["recall"],)),
        *count_metrics(confusion, ratios, group, name),
        Metric("other", n - confusion.n, n, "count", group, name, False, (undecided,), n),
    ]


def _both_right(subtask: Subtask) -> Ratio:
    """1 for each pair of questions with two right answers, else 0; the pair has the index of its first question."""
    scores_of_pair: dict[object, list[float]] = {}
    firsts: dict[object, int] = {}
    for index, sample, score in zip(subtask.indices, subtask.samples, subtask.sample_scores, strict=True):
        scores_of_pair.setdefault(sample.meta["pair"], []).append(score.score)
        firsts.setdefault(sample.meta["pair"], index)
    return Ratio(
        [float(scores == [1.0, 1.0]) for scores in scores_of_pair.values()], sample_indices=list(firsts.values())
    )


def _notes(by_subtask: Mapping[str, Subtask]) -> list[str]:
    undecided = [
        name
        for name, subtask in by_subtask.items()
        if not any(score.parsed_answer in DECIDED for score in subtask.sample_scores)
    ]
    notes = []
    if undecided:
        stops = "no answer is yes or no; the official tool stops there, here the score is 0"
        notes.append(f"{', '.join(undecided)}: {stops}")
    absent = [subtask for subtask in PERCEPTION + COGNITION if subtask not in by_subtask]
    if absent:
        notes.append(f"subtasks not in the data: {', '.join(absent)}; perception and cognition sum over those present")
    return notes
