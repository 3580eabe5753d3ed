"""Join the rows of an answer file with samples: try every strategy on the whole file, take the one that fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.predictions.all_strategies import join_strategies
from emma_eval.predictions.answer_row import ID_KEYS, AnswerRow, format_keys
from emma_eval.predictions.join_strategies import JoinStrategy, row_pass_index
from emma_eval.predictions.row_checker import RowChecker, shorten
from emma_eval.types import Key, Sample
from emma_eval.utils.text import pluralize

_HINT = "give the rows a question, a prompt, or image and category"


@dataclass(slots=True)
class JoinAttempt:
    """The result of one strategy for all rows."""

    strategy: JoinStrategy
    keys: list[Key | None] = field(default_factory=list)  # one per row
    contradictions: list[tuple[AnswerRow, str]] = field(default_factory=list)

    @property
    def num_joined(self) -> int:
        """Number of rows with a sample that they do not contradict."""
        return sum(key is not None for key in self.keys) - len(self.contradictions)

    @property
    def is_consistent(self) -> bool:
        """Whether some row has a sample, and none contradicts its own."""
        return bool(self.num_joined) and not self.contradictions


def join_rows(path: Path, rows: Sequence[AnswerRow], checker: RowChecker) -> list[Key | None]:
    """(sample id, pass) of each row; None for a question that is not among the samples.

    Raises UserError for a row that contradicts its sample, and where no strategy fits or several disagree.
    """
    for row in rows:
        try:
            row_pass_index(row)
        except ValueError as error:
            raise UserError(f"{path}, {row.location}: {error}") from error
    strategies = join_strategies(checker.task, checker.samples, rows, checker)
    attempts = [_attempt(strategy, rows, checker) for strategy in strategies]
    # Of two that join as many rows, the one with contradictions: in doubt the file is refused.
    best = max(attempts, key=lambda attempt: (attempt.num_joined, bool(attempt.contradictions)))
    if not best.num_joined or best.contradictions:
        raise _join_error(path, rows, attempts)
    rivals = [
        attempt
        for attempt in attempts
        if attempt is not best and attempt.is_consistent and _disagreements(attempt, best)
    ]
    if rivals and not _is_only_complete(best, rivals, checker.samples):
        index, own, other = _disagreements(best, rivals[0])[0]
        raise UserError(
            f"{path}, {rows[index].location}: by {best.strategy.name} this row answers sample {own[0]!r}, by "
            f"{rivals[0].strategy.name} sample {other[0]!r}, and nothing in the file tells which; {_HINT}"
        )
    return best.keys


def _attempt(strategy: JoinStrategy, rows: Sequence[AnswerRow], checker: RowChecker) -> JoinAttempt:
    """What the strategy gives for each row; one that fits several samples counts as a contradiction."""
    attempt = JoinAttempt(strategy)
    for index, row in enumerate(rows):
        try:
            key = strategy.find_sample(index, row)
            contradiction = None if key is None else checker.contradiction(row, key)
        except ValueError as error:  # it fits more than one sample, and none of them is its key
            key, contradiction = ("", 0), str(error)
        attempt.keys.append(key)
        if contradiction:
            attempt.contradictions.append((row, contradiction))
    return attempt


def _disagreements(first: JoinAttempt, second: JoinAttempt) -> list[tuple[int, Key, Key]]:
    """(row index, sample of the first, of the second) where both join a row, with different samples."""
    pairs = enumerate(zip(first.keys, second.keys, strict=True))
    return [(index, a, b) for index, (a, b) in pairs if a is not None and b is not None and a != b]


def _is_only_complete(best: JoinAttempt, rivals: Iterable[JoinAttempt], samples: Sequence[Sample]) -> bool:
    """Whether this attempt gives every sample a row, and joins more rows than each of its rivals."""
    joined = {key[0] for key in best.keys if key}
    return joined == {sample.id for sample in samples} and all(rival.num_joined < best.num_joined for rival in rivals)


def _join_error(path: Path, rows: Sequence[AnswerRow], attempts: Sequence[JoinAttempt]) -> UserError:
    """The error for the first contradiction of the attempt that fits best, or for rows without any sample."""
    contradicted = [attempt for attempt in attempts if attempt.contradictions]
    if contradicted:
        nearest = max(contradicted, key=lambda attempt: (attempt.num_joined, len(attempt.contradictions)))
        row, contradiction = nearest.contradictions[0]
        more = len(nearest.contradictions) - 1
        also = f" (and so in {pluralize(more, 'more row')})" if more else ""
        return UserError(
            f"{path}, {row.location}: joined by {nearest.strategy.name}, {contradiction}{also}; these answers are to "
            f"other data, or the row has another's id{_repeated_ids_hint(rows)}"
        )
    first = rows[0]
    if not first.id:
        return UserError(
            f"{path}, {first.location}: no id; one of the keys {', '.join(ID_KEYS)} is expected, the row has "
            f"{format_keys(first.cells)}; rows without are joined by image and question, or by "
            "their order where there are as many as questions and each has its question"
        )
    return UserError(
        f"{path}: none of its {pluralize(len(rows), 'row')} answers a question of the data, the first is to "
        f"{shorten(first.id)}; take the task and split that they are for, or {_HINT}"
    )


def _repeated_ids_hint(rows: Sequence[AnswerRow]) -> str:
    """A hint where ids repeat and rows have no category: POPE's ids begin anew in each of its files."""
    ids = [row.id for row in rows]
    repeated = len(set(ids)) < len(ids) and not any(row.text("category") for row in rows)
    hint = "; ids stand twice: if they begin anew in each category's file, give the rows their category"
    return hint if repeated else ""
