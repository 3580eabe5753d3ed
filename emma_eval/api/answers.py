"""Answers in memory as the rows of an answer file: a mapping, a list or a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emma_eval.errors import UserError
from emma_eval.predictions.answer_row import ID_KEYS, AnswerRow
from emma_eval.types import Sample
from emma_eval.utils.text import pluralize

EXPECTED = "a path, a mapping of ids to texts, a DataFrame, a list of rows or of a text for each sample is expected"


def answer_rows(predictions: Any, samples: Sequence[Sample], task: str) -> list[AnswerRow]:
    """The rows of answers in memory. Raises UserError for what are none.

    A mapping has an id, or (id, pass index), as its key and a text, None for a failure, or a row as its value. A list
    has rows, or a text for each sample in their order.
    """
    if hasattr(predictions, "to_dict") and hasattr(predictions, "columns"):
        return _numbered(_frame_rows(predictions))
    if isinstance(predictions, Mapping):
        return _numbered(_mapped_row(key, value) for key, value in predictions.items())
    if isinstance(predictions, str | bytes) or not isinstance(predictions, Iterable):
        raise UserError(f"predictions of type {type(predictions).__name__}: {EXPECTED}")
    rows = list(predictions)
    if all(isinstance(row, Mapping) for row in rows):
        return _numbered(rows)
    if not all(row is None or isinstance(row, str) for row in rows):
        odd = next(row for row in rows if not (row is None or isinstance(row, str)))
        raise UserError(f"predictions: a list of texts, or of rows, is expected; one of its items is {odd!r:.60}")
    if len(rows) != len(samples):
        raise UserError(
            f"predictions: {pluralize(len(rows), 'text')} for the {len(samples):,} samples of task {task}; give one "
            "for each, in their order, or a mapping of ids to texts"
        )
    return _numbered({"question_id": sample.id, "text": text} for sample, text in zip(samples, rows, strict=True))


def _frame_rows(frame: Any) -> Iterable[Mapping[str, Any]]:
    if frame.index.name in ID_KEYS and not any(key in frame.columns for key in ID_KEYS):
        frame = frame.reset_index()
    return frame.to_dict("records")  # type: ignore[no-any-return]


def _mapped_row(key: Any, value: Any) -> Mapping[str, Any]:
    sample_id, *rest = key if isinstance(key, tuple) and len(key) == 2 else (key,)
    passes = {"pass_index": rest[0]} if rest else {}
    return {"question_id": sample_id} | passes | (dict(value) if isinstance(value, Mapping) else {"text": value})


def _numbered(rows: Iterable[Mapping[str, Any]]) -> list[AnswerRow]:
    return [
        AnswerRow(f"row {index}", {str(name): _plain(value) for name, value in row.items()})
        for index, row in enumerate(rows)
    ]


def _plain(value: Any) -> Any:
    """A number of numpy, or pandas' NA, as Python has it."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
