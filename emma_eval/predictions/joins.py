"""The ways in which a row finds its sample. Which of them a benchmark has is told by its task: see `candidates`.

A join maps a row to (sample id, pass), or to None where it has no sample for it. It may be wrong: whether the rows
agree with the samples that it gives them is for `joining` to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.predictions.checking import Checker
from emma_eval.predictions.rows import AnswerRow
from emma_eval.tasks.circular import INDEX_STEP, pass_choices
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

NUMBER_KEYS = ("index", "doc_id")  # may be a row's number in the data
Find = Callable[[int, AnswerRow], Key | None]  # (the row's place in the file, the row)


@dataclass(frozen=True, slots=True)
class Join:
    """One way: its name for messages, and how it finds a row's sample."""

    name: str
    find: Find


class Passes:
    """Which passes there are of each sample, and which one a row answers."""

    def __init__(self, samples: Sequence[Sample], task: TaskConfig | None) -> None:
        self.circular = bool(task and task.circular)
        self._samples = {sample.id: sample for sample in samples}

    def count(self, sample_id: str) -> int:
        """How many passes a sample has; 1 unless the task is circular."""
        return len(pass_choices(self._samples[sample_id], self.circular))

    def key(self, sample_id: str, row: AnswerRow, turned: int = 0) -> Key | None:
        """The sample's pass that the row names, `turned` more; None for one that it does not have."""
        pass_index = turned + told_pass(row)
        return (sample_id, pass_index) if pass_index < self.count(sample_id) else None


def told_pass(row: AnswerRow) -> int:
    """The pass that a row tells beside its id, 0 if none. Raises ValueError for what is no whole number."""
    for name in ("round_id", "pass_index", "round"):
        if name in row.cells:
            text = row.text(name)
            if not text.isdecimal() or len(text) > 9:
                raise ValueError(f"{name} {row.cells[name]!r:.80} is not a whole number")
            return int(text)
    return 0


def by_id(
    samples: Sequence[Sample], passes: Passes, aliases: Mapping[str, str] | None = None, keys: Sequence[str] = ()
) -> Find:
    """By the id, or an alias of it; for circular tasks index + 1,000,000 a pass too. `keys`: of the id, if not all."""
    known = {sample.id: sample.id for sample in samples} if aliases is None else aliases

    def find(_: int, row: AnswerRow) -> Key | None:
        name = next(filter(None, map(row.number, keys)), "") if keys else row.name
        if name in known:
            return passes.key(known[name], row)
        if passes.circular and name.isdecimal() and int(name[:18]) >= INDEX_STEP:
            turned, base = divmod(int(name[:18]), INDEX_STEP)
            if str(base) in known:
                return passes.key(known[str(base)], row, turned)
        return None

    return find


def by_filled(layouts: Sequence[str], samples: Sequence[Sample]) -> Find:
    """By the columns that make up the id of the reader `table`, as `{category}_{set_id}`."""
    known = {sample.id for sample in samples}

    def find(_: int, row: AnswerRow) -> Key | None:
        for layout in layouts:
            names = re.findall(r"\{([^{}]+)\}", layout)
            cells = {name: row.text(name) for name in names}
            if names and all(cells.values()):
                made = layout.format_map(cells)
                if made in known:
                    return made, 0
        return None

    return find


def by_position(samples: Sequence[Sample], rows: Sequence[AnswerRow], checker: Checker) -> Iterator[Join]:
    """Rows without ids, as many as there are samples, or samples of one category, each with its question."""
    parts = {"": list(samples)}
    for sample in samples:
        if sample.category:
            parts.setdefault(sample.category, []).append(sample)
    for category, members in parts.items():
        if len(members) != len(rows) or (category and len(members) == len(samples)):
            continue

        def find(place: int, row: AnswerRow, members: list[Sample] = members) -> Key | None:
            sample = members[place]
            return (sample.id, 0) if checker.can_tell(row, sample) else None

        yield Join(f"the order of the questions{f' of {category}' if category else ''}", find)


def by_number(samples: Sequence[Sample], checker: Checker, keys: Sequence[str]) -> Find:
    """By the row's number in the data, from 0, in VLMEvalKit's, lmms-eval's and LLaVA's files; with its question."""

    def find(_: int, row: AnswerRow) -> Key | None:
        name = next((text for key in keys if (text := row.number(key))), "")
        number = int(name) if name.isdecimal() and len(name) <= 9 else len(samples)
        if number >= len(samples) or told_pass(row) or not checker.can_tell(row, samples[number]):
            return None
        return samples[number].id, 0

    return find
