"""Answers in memory as the rows of an answer file: a mapping, a list or a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emma_eval.errors import UserError
from emma_eval.predictions.answer_row import ID_KEYS, AnswerRow
from emma_eval.predictions.join_strategies import PassCounts
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import Key, Sample
from emma_eval.utils.text import pluralize

EXPECTED = "a path, a mapping of ids to texts, a DataFrame, a list of rows or of a text for each sample is expected"


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """Rows of answers, with the keys of the requests that they answer where these are known without joining."""

    rows: list[AnswerRow]
    keys: list[Key | None] | None = None


def given_answers(
    predictions: Any, every: Sequence[Sample], limit: int | None, task: TaskConfig, *, partial: bool
) -> GivenAnswers:
    """The rows of answers in memory. Raises UserError for what are none.

    A list has rows, or a text for each of the first `limit` samples in their order. A mapping has a sample's id, or
    (id, pass index), as its key and a text, None for a failure, or a row as its value. As every sample must have an
    answer, the keys can be the task's own ids alone; with `partial` they might be others, of which `join_rows` knows.
    """
    if hasattr(predictions, "to_dict") and hasattr(predictions, "columns"):
        return GivenAnswers(_numbered(_frame_rows(predictions)))
    if isinstance(predictions, Mapping):
        rows = _numbered(_mapped_row(key, value) for key, value in predictions.items())
        has_rows = any(isinstance(value, Mapping) for value in predictions.values())
        return GivenAnswers(rows, None if partial or has_rows else _own_keys(predictions, every, task))
    if isinstance(predictions, str | bytes) or not isinstance(predictions, Iterable):
        raise UserError(f"predictions of type {type(predictions).__name__}: {EXPECTED}")
    answers = list(predictions)
    if all(isinstance(row, Mapping) for row in answers):
        return GivenAnswers(_numbered(answers))
    if not all(row is None or isinstance(row, str) for row in answers):
        odd = next(row for row in answers if not (row is None or isinstance(row, str)))
        raise UserError(f"predictions: a list of texts, or of rows, is expected; one of its items is {odd!r:.60}")
    samples = every[:limit]
    if len(answers) != len(samples):
        raise UserError(
            f"predictions: {pluralize(len(answers), 'text')} for the {len(samples):,} samples of task {task.name}; "
            "give one for each, in their order, or a mapping of ids to texts"
        )
    return GivenAnswers(_numbered({"text": text} for text in answers), [(sample.id, 0) for sample in samples])


def _own_keys(predictions: Mapping[Any, Any], samples: Sequence[Sample], task: TaskConfig) -> list[Key | None]:
    """The key of each answer's request; None for an id or a pass that the task does not have."""
    passes = PassCounts(samples, task)
    known = {sample.id for sample in samples}

    def own(key: Any) -> Key | None:
        sample_id, index = key if isinstance(key, tuple) and len(key) == 2 else (key, 0)
        sample_id = str(sample_id)
        return (sample_id, int(index)) if sample_id in known and index in range(passes.count(sample_id)) else None

    return [own(key) for key in predictions]


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
