"""Read an answer file: its rows, the key that holds the answers, and the sample of each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import UserError
from emma_eval.predictions.answer_key import TEXT, find_answer_key, repeats_questions
from emma_eval.predictions.answer_row import AnswerRow, cell_text, format_keys, is_null
from emma_eval.predictions.formats import read_answer_rows
from emma_eval.predictions.join import join_rows
from emma_eval.predictions.join_strategies import PassCounts
from emma_eval.predictions.row_checker import RowChecker, shorten
from emma_eval.predictions.row_question import comparable, question_texts
from emma_eval.types import Answer, Answers, Key, Sample
from emma_eval.utils.gc_utils import gc_paused
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

LIST_KEYS = frozenset({"filtered_resps", "resps"})  # lmms-eval keeps an answer in lists of one


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers by (sample id, pass), requests that the file records as failed, and notes for the user."""

    answers: Answers
    failed: frozenset[Key]
    notes: tuple[str, ...]


def read_predictions(  # noqa: PLR0913 (three named choices, each of its own)
    path: Path,
    samples: Sequence[Sample],
    task: TaskConfig | None = None,
    *,
    protocol: str | None = None,
    answer_key: str | None = None,
    ignore_foreign: bool = False,
) -> Predictions:
    """The file's answers to the samples of the task; without one, rows are joined by the samples' ids and images.

    Of repeated rows the last counts, as in all official tools. Raises UserError, naming file and row, for rows that
    cannot be read or contradict their sample, for a file that answers none of the samples, and for answers to questions
    that are not among them, unless those are to be ignored.
    """
    with gc_paused():
        rows = read_answer_rows(path)
    return join_answers(
        path, rows, samples, task, protocol=protocol, answer_key=answer_key, ignore_foreign=ignore_foreign
    )


def join_answers(  # noqa: PLR0913 (as above)
    path: Path,
    rows: Sequence[AnswerRow],
    samples: Sequence[Sample],
    task: TaskConfig | None = None,
    *,
    protocol: str | None = None,
    answer_key: str | None = None,
    ignore_foreign: bool = False,
    keys: Sequence[Key | None] | None = None,
) -> Predictions:
    """The same for rows that are read already; `path` is what messages call them.

    `keys` are those of the requests that the rows answer, None for a question that is not among the samples, where the
    caller knows them; nothing is joined then. Raises UserError as `read_predictions` does.
    """
    with gc_paused():
        if not rows:
            raise UserError(f"{path}: there are no answers in it")
        extracted = bool(task and task.scorer_config(protocol).options.get("extraction") == "done")
        questions = {comparable(sample.question) for sample in samples} - {""}
        key = find_answer_key(path, rows, questions, answer_key, extracted)
        texts = [_answer(path, row, key) for row in rows]
        if keys is None:
            text_is_question = key != TEXT and repeats_questions(rows, questions)
            keys = join_rows(path, rows, RowChecker(samples, rows, task, (TEXT,) if text_is_question else ()))
    return _collect(path, rows, texts, keys, ignore_foreign)


def _collect(
    path: Path, rows: Sequence[AnswerRow], texts: Sequence[str | None], keys: Sequence[Key | None], ignore_foreign: bool
) -> Predictions:
    """The answers by their requests. Raises UserError for those to foreign questions unless they are to be ignored."""
    answers: dict[Key, Answer] = {}
    failed: set[Key] = set()
    foreign = [row for row, key in zip(rows, keys, strict=True) if key is None]
    if foreign and not ignore_foreign:
        raise UserError(
            f"{path}: {pluralize(len(foreign), 'answer')} to questions, or passes of questions, that are not in the "
            f"data, the first, {foreign[0].location}, to {_describe_row(foreign[0])}; "
            "take the task and split that they are for, or pass --allow-partial to leave them out"
        )
    repeated = 0
    for row, text, key in zip(rows, texts, keys, strict=True):
        if key is None:
            continue
        repeated += key in answers or key in failed
        if text is None:
            answers.pop(key, None)
            failed.add(key)
        else:
            failed.discard(key)
            answers[key] = Answer(text, _prompt(path, row))
    notes = [f"{pluralize(repeated, 'repeated answer')}: the later one counts"] if repeated else []
    empty = sum(not answer.text.strip() for answer in answers.values())
    if empty:  # in a table an empty cell may stand for a request that failed
        notes.append(f"{empty:,} of {len(answers):,} answers are empty")
    if foreign:
        notes.append(
            f"left out: {pluralize(len(foreign), 'answer')} to questions, or passes of questions, that are not among "
            "the samples"
        )
    return Predictions(answers, frozenset(failed), tuple(notes))


def _describe_row(row: AnswerRow) -> str:
    """A row's id and question, for messages: LLaVA's ids of MME and TextVQA name the image alone."""
    texts = question_texts(row)
    question = f" (its {texts[0][0]}: {shorten(texts[0][1])})" if texts else ""
    return (repr(row.id[:40]) if row.id else "no id that can be read") + question


def missing_answers(samples: Sequence[Sample], task: TaskConfig, predictions: Predictions) -> Iterator[Key]:
    """Every pass of every sample that the file neither answers nor records as failed."""
    passes = PassCounts(samples, task)
    for sample in samples:
        for pass_index in range(passes.count(sample.id)):
            key = (sample.id, pass_index)
            if key not in predictions.answers and key not in predictions.failed:
                yield key


def _answer(path: Path, row: AnswerRow, key: str) -> str | None:
    """The row's answer; None if it records a failure. Raises UserError for a row without an answer."""
    if key not in row.cells:
        raise UserError(
            f"{path}, {row.location}: no answer; the file's are under {key!r}, this row has {format_keys(row.cells)}"
        )
    value: Any = row.cells[key]
    while key in LIST_KEYS and isinstance(value, list) and len(value) == 1:
        value = value[0]
    if is_null(value):
        return None
    text = cell_text(value)
    if text is None:
        what = f"a list of {len(value)}" if isinstance(value, list) else f"{type(value).__name__} {value!r:.40}"
        raise UserError(f"{path}, {row.location}: {key} must be text, not {what}")
    return text


def _prompt(path: Path, row: AnswerRow) -> str:
    value = row.cells.get("prompt")
    if is_null(value):
        return ""
    if not isinstance(value, str):
        raise UserError(f"{path}, {row.location}: prompt must be text, not {type(value).__name__}")
    return value
