"""Confusion tables for yes/no questions and option letters: references against parsed answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emma_eval.reports.html.run_loader import TaskResults
from emma_eval.types import Sample, SampleScore

YES_NO = ("yes", "no")
OTHER, NONE = "other", "no answer"
SHADES = 6  # steps of a cell's colour


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """The number of a row's questions with this answer."""

    count: int
    right: bool
    shade: int  # 0 to SHADES, by its share of the row


@dataclass(frozen=True, slots=True)
class ConfusionTable:
    """A row for each reference, a column for each given answer."""

    run: int
    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[ConfusionCell, ...]], ...]


def confusion_tables(record: TaskResults, references: Mapping[str, Sample]) -> list[ConfusionTable]:
    """The tables of one run of a task; none if its questions are neither yes/no nor options."""
    pair_functions = {"yes or no": _yes_no, "letters": _letters}
    return [
        table
        for kind, pair_of in pair_functions.items()
        if (table := _confusion_table(record, references, kind, pair_of))
    ]


AnswerPair = tuple[str, str]  # (reference, given)


def _yes_no(sample: Sample, score: SampleScore) -> AnswerPair | None:
    """The pair of a yes/no question. Of several references the most frequent counts."""
    answers = [answer.lower() for answer in sample.references]
    if YES_NO[0] not in answers and YES_NO[1] not in answers:  # nearly all others: counting takes much longer
        return None
    reference = Counter(answers).most_common(1)[0][0]
    return (reference, score.parsed_answer.lower()) if reference in YES_NO else None


def _letters(sample: Sample, score: SampleScore) -> AnswerPair | None:
    """The pair of a multiple-choice question; of a circular one that of the first pass, the parsed answer's first."""
    if not sample.options or len(sample.references) != 1 or len(sample.references[0]) != 1:
        return None
    is_circular = len(score.parsed_answer) == len(sample.options)
    return sample.references[0], score.parsed_answer[:1] if is_circular else score.parsed_answer


def _confusion_table(
    record: TaskResults,
    references: Mapping[str, Sample],
    kind: str,
    pair_of: Callable[[Sample, SampleScore], AnswerPair | None],
) -> ConfusionTable | None:
    counts: Counter[AnswerPair] = Counter()
    for score in record.samples.values():
        sample = references.get(score.id)
        pair = pair_of(sample, score) if sample and sample.references else None
        if pair:
            counts[pair if score.status == "answered" else (pair[0], NONE)] += 1
    known = {reference for reference, _ in counts}
    if len(known) < 2:
        return None
    shown_references = [answer for answer in YES_NO if answer in known] if known <= set(YES_NO) else sorted(known)
    columns = (*shown_references, OTHER, NONE)
    counts_by_column: Counter[AnswerPair] = Counter()
    for (reference, predicted), count in counts.items():
        counts_by_column[reference, predicted if predicted in columns else OTHER] += count
    rows = tuple((reference, _cells(reference, columns, counts_by_column)) for reference in shown_references)
    return ConfusionTable(record.run, kind, columns, rows)


def _cells(reference: str, columns: tuple[str, ...], counts: Counter[AnswerPair]) -> tuple[ConfusionCell, ...]:
    total = sum(counts[reference, predicted] for predicted in columns)
    return tuple(
        ConfusionCell(count, predicted == reference, round(SHADES * count / total))
        for predicted in columns
        for count in (counts[reference, predicted],)
    )
