"""Answers made anywhere, joined with the samples that they answer.

Rows find their sample by id; MME's by picture and question, POPE's by position, as the official scripts do. Of repeated
ids the last row counts, as in all official tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.answer_files import ID_KEYS, TEXT_KEYS, Row, answer_rows
from emma_eval.errors import UserError
from emma_eval.readers.mmbench_tsv import PASS
from emma_eval.text import counted
from emma_eval.types import Answer, Answers, Key, Sample

ROUND_KEYS = ("round_id", "round")
CATEGORY_KEYS = ("category", "task")
YES_OR_NO = "Please answer yes or no."  # the end of MME's questions, which some files leave out


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers by (sample id, round), the requests that the file records as failed, and remarks on the file."""

    answers: Answers
    failed: frozenset[Key]
    notes: tuple[str, ...]


def read_predictions(path: Path, samples: Sequence[Sample], *, ignore_foreign: bool = False) -> Predictions:
    """The file's answers to the samples.

    Raises UserError, naming file and line, for rows that cannot be read, and for answers to questions that are not
    among the samples, unless those are to be ignored.
    """
    join = _Join(path, samples)
    answers: dict[Key, Answer] = {}
    failed: set[Key] = set()
    foreign: list[str] = []
    repeated = 0
    for place, row in answer_rows(path):
        key, text = join.key(place, row), _text(path, place, row)
        if key is None:
            foreign.append(join.name(row))
            continue
        repeated += key in answers or key in failed
        if text is None:
            answers.pop(key, None)
            failed.add(key)
        else:
            failed.discard(key)
            answers[key] = Answer(text, _text_under("prompt", path, place, row) or "")
    if not (answers or failed or foreign):
        raise UserError(f"{path}: there are no answers in it")
    join.check_positions()
    if foreign and not ignore_foreign:
        raise UserError(
            f"{path}: {counted(len(foreign), 'answer')} to questions that are not in the data, the first to "
            f"{foreign[0][:40]!r}; "
            "take the task and split that they are for, or pass --allow-partial to leave them out"
        )
    notes = [f"{counted(repeated, 'repeated answer')}: the later one counts"] if repeated else []
    if foreign:
        notes.append(f"left out: {counted(len(foreign), 'answer')} to questions that are not among the samples")
    return Predictions(answers, frozenset(failed), tuple(notes))


class _Join:
    """Finds the sample that a row answers: by id, by picture and question, or by position."""

    def __init__(self, path: Path, samples: Sequence[Sample]) -> None:
        self._path = path
        self._samples = samples
        self._ids = {sample.id for sample in samples}
        self._pictures: dict[tuple[str, str, str], str] | None = None
        self._position = 0

    def key(self, place: str, row: Row) -> Key | None:
        """(sample id, round) of the row; None for a question that is not among the samples."""
        name = self.name(row)
        key = self._by_id(name, self._round(place, row))
        if key is None and "image" in row and "question" in row:
            return self._by_picture(row)
        if name:
            return key
        if "question" in row:
            return self._by_position(place, row)
        raise UserError(
            f"{self._path}, {place}: no id; one of the keys {', '.join(ID_KEYS)} is expected, "
            f"the row has {', '.join(row) or 'none'}"
        )

    @staticmethod
    def name(row: Row) -> str:
        """The row's id as text, empty if it has none."""
        return next((str(row[key]) for key in ID_KEYS if key in row), "")

    def check_positions(self) -> None:
        """Raise UserError if rows were joined by position and there are fewer than samples."""
        if self._position and self._position != len(self._samples):
            raise UserError(
                f"{self._path}: {self._position:,} rows without ids for {len(self._samples):,} questions; such are "
                "joined by position, so that none may be missing: give every row its question_id"
            )

    def _round(self, place: str, row: Row) -> int:
        value = next((row[key] for key in ROUND_KEYS if key in row), 0)
        text = _written(value)  # a table's cells are text
        if text is None or not text.isdecimal():
            raise UserError(f"{self._path}, {place}: round_id {value!r} is not a whole number")
        return int(text)

    def _by_id(self, name: str, round_id: int) -> Key | None:
        if name in self._ids:
            return name, round_id
        if name.isdecimal() and int(name) >= PASS:
            passes, base = divmod(int(name), PASS)
            if str(base) in self._ids:
                return str(base), passes
        return None

    def _by_picture(self, row: Row) -> Key | None:
        """MME's way; a picture's file type differs between copies of the data."""
        if self._pictures is None:
            self._pictures = {
                (s.category, _stem(s.meta["image"]), _bare(s.question)): s.id
                for s in self._samples
                if "image" in s.meta
            }
        category = next((str(row[key]) for key in CATEGORY_KEYS if key in row), "")
        sample_id = self._pictures.get((category, _stem(str(row["image"])), _bare(str(row["question"]))))
        return None if sample_id is None else (sample_id, 0)

    def _by_position(self, place: str, row: Row) -> Key | None:
        position, self._position = self._position, self._position + 1
        if position >= len(self._samples):
            return None
        sample = self._samples[position]
        if sample.question != row["question"]:
            raise UserError(
                f"{self._path}, {place}: rows without ids are joined by position, but this one asks "
                f"{row['question']!r} where the data ask {sample.question!r}: give every row its question_id"
            )
        return sample.id, 0


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _bare(question: str) -> str:
    return question.strip().removesuffix(YES_OR_NO).rstrip()


def _text(path: Path, place: str, row: Row) -> str | None:
    """The answer; None where the row records a failure."""
    key = next((key for key in TEXT_KEYS if key in row), None)
    if key is None:
        raise UserError(
            f"{path}, {place}: no answer; one of the keys {', '.join(TEXT_KEYS)} is expected, "
            f"the row has {', '.join(row) or 'none'}"
        )
    return _text_under(key, path, place, row)


def _text_under(key: str, path: Path, place: str, row: Row) -> str | None:
    """The text under a key; None where it is null or not there. Raises UserError for a list, say."""
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value
    text = _written(value)
    if text is None:
        raise UserError(f"{path}, {place}: {key} must be text, not {type(value).__name__}")
    return text


def _written(value: Any) -> str | None:
    """A text as it is and a number as a spreadsheet would write it, 3 for 3.0; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None
