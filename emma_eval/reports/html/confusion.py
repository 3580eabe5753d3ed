"""What was answered against what is true, for questions of yes or no and for option letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emma_eval.reports.html.run_loader import TaskResults
from emma_eval.types import Sample, SampleScore

YES_NO = ("yes", "no")
OTHER, NONE = "other", "no answer"
SHADES = 6


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """How many of a row's questions were answered so."""

    count: int
    right: bool
    shade: int  # of the cell, 0 to SHADES, by its share of the row


@dataclass(frozen=True, slots=True)
class Confusion:
    """A row for each true answer, a column for each given one."""

    run: int
    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[ConfusionCell, ...]], ...]


def confusions(record: TaskResults, truths: Mapping[str, Sample]) -> list[Confusion]:
    """The task's tables of one run: none where its questions are of neither kind."""
    readers = {"yes or no": _yes_no, "letters": _letters}
    return [table for kind, read in readers.items() if (table := _confusion(record, truths, kind, read))]


Pair = tuple[str, str]  # (true, given)


def _yes_no(sample: Sample, score: SampleScore) -> Pair | None:
    """A yes/no question's pair. Of several true answers the most frequent counts."""
    truth = Counter(answer.lower() for answer in sample.references).most_common(1)[0][0]
    return (truth, score.parsed_answer.lower()) if truth in YES_NO else None


def _letters(sample: Sample, score: SampleScore) -> Pair | None:
    """A multiple-choice question's pair; of a circular one the first pass counts, the first letter in `read_as`."""
    if not sample.options or len(sample.references) != 1 or len(sample.references[0]) != 1:
        return None
    return sample.references[0], score.parsed_answer[:1] if len(score.parsed_answer) == len(
        sample.options
    ) else score.parsed_answer


def _confusion(
    record: TaskResults,
    truths: Mapping[str, Sample],
    kind: str,
    read: Callable[[Sample, SampleScore], Pair | None],
) -> Confusion | None:
    counts: Counter[Pair] = Counter()
    for score in record.samples.values():
        sample = truths.get(score.id)
        pair = read(sample, score) if sample and sample.references else None
        if pair:
            counts[pair if score.status == "answered" else (pair[0], NONE)] += 1
    known = {truth for truth, _ in counts}
    if len(known) < 2:
        return None
    truths_shown = [answer for answer in YES_NO if answer in known] if known <= set(YES_NO) else sorted(known)
    columns = (*truths_shown, OTHER, NONE)
    shown: Counter[Pair] = Counter()
    for (truth, given), count in counts.items():
        shown[truth, given if given in columns else OTHER] += count
    rows = tuple((truth, _cells(truth, columns, shown)) for truth in truths_shown)
    return Confusion(record.run, kind, columns, rows)


def _cells(truth: str, columns: tuple[str, ...], counts: Counter[Pair]) -> tuple[ConfusionCell, ...]:
    total = sum(counts[truth, given] for given in columns)
    return tuple(
        ConfusionCell(counts[truth, given], given == truth, round(SHADES * counts[truth, given] / total))
        for given in columns
    )
