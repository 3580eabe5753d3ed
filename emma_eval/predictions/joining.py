"""The one way in which all rows of a file find their samples, chosen by what the rows themselves say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.predictions.candidates import joins_of
from emma_eval.predictions.checking import Checker, shown
from emma_eval.predictions.joins import Join, told_pass
from emma_eval.predictions.rows import ID_KEYS, AnswerRow, listed
from emma_eval.types import Key, Sample
from emma_eval.utils.text import pluralize

MEND = "give the rows a question, a prompt, or image and category"


@dataclass(slots=True)
class Joined:
    """What one way of joining makes of all rows."""

    join: Join
    keys: list[Key | None] = field(default_factory=list)  # of each row
    contradictions: list[tuple[AnswerRow, str]] = field(default_factory=list)

    @property
    def found(self) -> int:
        """How many rows have a sample that nothing in them contradicts."""
        return sum(key is not None for key in self.keys) - len(self.contradictions)

    @property
    def fits(self) -> bool:
        """Whether there is nothing against this way."""
        return bool(self.found) and not self.contradictions


def join_rows(path: Path, rows: Sequence[AnswerRow], checker: Checker) -> list[Key | None]:
    """(sample id, pass) of each row; None for a question that is not among the samples.

    Raises UserError for a row that contradicts its sample, for rows that no way joins, or more than one.
    """
    for row in rows:
        try:
            told_pass(row)
        except ValueError as error:
            raise UserError(f"{path}, {row.place}: {error}") from error
    tried = [_tried(join, rows, checker) for join in joins_of(checker.task, checker.samples, rows, checker)]
    best = max(tried, key=lambda one: (one.found, bool(one.contradictions)))  # in doubt the one that is refused
    if not best.found or best.contradictions:
        raise _refused(path, rows, tried)
    others = [one for one in tried if one is not best and one.fits and _differ(one.keys, best.keys)]
    if others and not _alone_complete(best, others, checker.samples):
        row, mine, theirs = next(
            (row, a, b)
            for row, a, b in zip(rows, best.keys, others[0].keys, strict=True)
            if a is not None and b is not None and a != b
        )
        raise UserError(
            f"{path}, {row.place}: by {best.join.name} this row answers sample {mine[0]!r}, by {others[0].join.name} "
            f"sample {theirs[0]!r}, and nothing in the file tells which; {MEND}"
        )
    return best.keys


def _tried(join: Join, rows: Sequence[AnswerRow], checker: Checker) -> Joined:
    joined = Joined(join)
    for place, row in enumerate(rows):
        try:
            key = join.find(place, row)
            told = None if key is None else checker.contradiction(row, key)
        except ValueError as error:  # the row fits more than one sample
            key, told = ("", 0), str(error)
        joined.keys.append(key)
        if told:
            joined.contradictions.append((row, told))
    return joined


def _differ(one: Iterable[Key | None], other: Iterable[Key | None]) -> bool:
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))


def _alone_complete(best: Joined, others: Iterable[Joined], samples: Sequence[Sample]) -> bool:
    """Whether this way alone gives every sample a row, and more rows a sample than the others do."""
    given = {key[0] for key in best.keys if key}
    return given == {sample.id for sample in samples} and all(one.found < best.found for one in others)


def _refused(path: Path, rows: Sequence[AnswerRow], tried: Sequence[Joined]) -> UserError:
    """The first contradiction of the way that fits best, or that no row has a sample."""
    against = [one for one in tried if one.contradictions]
    if against:
        nearest = max(against, key=lambda one: (one.found, len(one.contradictions)))
        row, told = nearest.contradictions[0]
        more = len(nearest.contradictions) - 1
        also = f" (and so in {pluralize(more, 'more row')})" if more else ""
        return UserError(
            f"{path}, {row.place}: joined by {nearest.join.name}, {told}{also}; these answers are to other data, or "
            f"the row has another's id{_begun_anew(rows)}"
        )
    first = rows[0]
    if not first.name:
        return UserError(
            f"{path}, {first.place}: no id; one of the keys {', '.join(ID_KEYS)} is expected, the row has "
            f"{listed(first.cells)}; rows without are joined by image and question, or by "
            "their order where there are as many as questions and each has its question"
        )
    return UserError(
        f"{path}: none of its {pluralize(len(rows), 'row')} answers a question of the data, the first is to "
        f"{shown(first.name)}; take the task and split that they are for, or {MEND}"
    )


def _begun_anew(rows: Sequence[AnswerRow]) -> str:
    """The mend for ids that stand several times, as POPE's do that begin anew in each of its files."""
    names = [row.name for row in rows]
    twice = len(set(names)) < len(names) and not any(row.text("category") for row in rows)
    return (
        "; ids stand twice: if they begin anew in each category's file, give the rows their category" if twice else ""
    )
