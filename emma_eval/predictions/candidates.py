"""All ways in which the rows of a task's answer files may name their samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from emma_eval.predictions import benchmarks
from emma_eval.predictions.checking import Checker
from emma_eval.predictions.content import IMAGE_AS_ID, content_join
from emma_eval.predictions.joins import NUMBER_KEYS, Join, Passes, by_id, by_number, by_position
from emma_eval.predictions.rows import AnswerRow
from emma_eval.types import Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def joins_of(
    task: TaskConfig | None, samples: Sequence[Sample], rows: Sequence[AnswerRow], checker: Checker
) -> Iterator[Join]:
    """Every way in which rows of the task's answer files may name their samples, the exact ones first."""
    passes = Passes(samples, task)
    yield Join("the task's own ids", by_id(samples, passes))
    if any("index" in row.cells for row in rows):  # VLMEvalKit's own number, which may stand before the benchmark's id
        yield Join("the ids beside the index", by_id(samples, passes, keys=("id", "pid", "Index", "idx")))
    if task is not None:
        yield from benchmarks.joins(task, samples, passes)
    if checker.question_keys and (checker.image_keys or (task and task.reader in IMAGE_AS_ID)):
        yield content_join(samples, task, checker, passes)
    if checker.question_keys and not checker.image_keys and not any(row.name for row in rows):
        yield from by_position(samples, rows, checker)
    if checker.question_keys and not passes.circular:
        more = ("question_id",) if task and task.reader == "vizwiz_json" else ()  # LLaVA's: the ids are no numbers
        yield Join("row numbers", by_number(samples, checker, (*NUMBER_KEYS, *more)))
