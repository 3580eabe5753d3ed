"""Strategies by which a row of an answer file finds its sample; `all_strategies` lists those that a task has.

A strategy maps a row to (sample id, pass), or to None where it finds no sample. It may be wrong: `join` checks that
rows agree with their samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.predictions.row_checker import RowChecker
from emma_eval.tasks.circular import INDEX_STEP, pass_choices
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

NUMBER_KEYS = ("index", "doc_id")  # may hold a row's number in the data
FindSample = Callable[[int, AnswerRow], Key | None]  # (the row's index in the file, the row)


@dataclass(frozen=True, slots=True)
class JoinStrategy:
    """A name for messages, and the function that finds a row's sample."""

    name: str
    find_sample: FindSample


class PassCounts:
    """How many passes each sample has, and which one a row answers."""

    def __init__(self, samples: Sequence[Sample], task: TaskConfig | None) -> None:
        self.circular = bool(task and task.circular)
        self._samples = {sample.id: sample for sample in samples}

    def count(self, sample_id: str) -> int:
        """How many passes a sample has; 1 unless the task is circular."""
        return len(pass_choices(self._samples[sample_id], circular=True)) if self.circular else 1

    def pass_key(self, sample_id: str, row: AnswerRow, offset: int = 0) -> Key | None:
        """The pass that the row names, plus `offset`; None if the sample has no such pass."""
        pass_index = offset + row_pass_index(row)
        return (sample_id, pass_index) if pass_index < self.count(sample_id) else None


def row_pass_index(row: AnswerRow) -> int:
    """The pass that a row names beside its id, 0 if it names none. Raises ValueError unless it is a whole number."""
    for name in ("round_id", "pass_index", "round"):
        if name in row.cells:
            text = row.text(name)
            if not text.isdecimal() or len(text) > 9:
                raise ValueError(f"{name} {row.cells[name]!r:.80} is not a whole number")
            return int(text)
    return 0


def by_id(
    samples: Sequence[Sample], passes: PassCounts, aliases: Mapping[str, str] | None = None, keys: Sequence[str] = ()
) -> FindSample:
    """By the id or an alias of it; in circular tasks also by index + 1,000,000 per pass. `keys` hold the id."""
    sample_ids = {sample.id: sample.id for sample in samples} if aliases is None else aliases

    def find(_: int, row: AnswerRow) -> Key | None:
        row_id = next(filter(None, map(row.id_text, keys)), "") if keys else row.id
        if row_id in sample_ids:
            return passes.pass_key(sample_ids[row_id], row)
        if passes.circular and row_id.isdecimal() and int(row_id[:18]) >= INDEX_STEP:
            pass_index, base = divmod(int(row_id[:18]), INDEX_STEP)
            if str(base) in sample_ids:
                return passes.pass_key(sample_ids[str(base)], row, pass_index)
        return None

    return find


def by_format(formats: Sequence[str], samples: Sequence[Sample]) -> FindSample:
    """By the columns that make up an id of the reader `table`: `{category}_{set_id}`."""
    sample_ids = {sample.id for sample in samples}

    def find(_: int, row: AnswerRow) -> Key | None:
        for id_format in formats:
            names = re.findall(r"\{([^{}]+)\}", id_format)
            cells = {name: row.text(name) for name in names}
            if names and all(cells.values()):
                sample_id = re.sub(r"\{([^{}]+)\}", lambda field: cells[field[1]], id_format)  # noqa: B023 (used at once)
                if sample_id in sample_ids:
                    return sample_id, 0
        return None

    return find


def by_position(samples: Sequence[Sample], rows: Sequence[AnswerRow], checker: RowChecker) -> Iterator[JoinStrategy]:
    """Rows without ids, as many as there are samples, or samples of one category, each with its question."""
    groups = {"": list(samples)}
    for sample in samples:
        if sample.category:
            groups.setdefault(sample.category, []).append(sample)
    for category, members in groups.items():
        if len(members) != len(rows) or (category and len(members) == len(samples)):
            continue

        def find(index: int, row: AnswerRow, members: list[Sample] = members) -> Key | None:
            sample = members[index]
            return (sample.id, 0) if checker.has_question(row, sample) else None

        yield JoinStrategy(f"the order of the questions{f' of {category}' if category else ''}", find)


def by_number(samples: Sequence[Sample], checker: RowChecker, keys: Sequence[str]) -> FindSample:
    """By the row's number in the data, from 0, as in VLMEvalKit's, lmms-eval's and LLaVA's files; with its question."""

    def find(_: int, row: AnswerRow) -> Key | None:
        text = next((text for key in keys if (text := row.id_text(key))), "")
        index = int(text) if text.isdecimal() and len(text) <= 9 else len(samples)
        if index >= len(samples) or row_pass_index(row) or not checker.has_question(row, samples[index]):
            return None
        return samples[index].id, 0

    return find
