"""All strategies by which the rows of a task's answer files may find their samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.predictions.benchmark_strategies import benchmark_strategies
from emma_eval.predictions.content_strategy import IMAGE_AS_ID, content_strategy
from emma_eval.predictions.join_strategies import NUMBER_KEYS, JoinStrategy, PassCounts, by_id, by_number, by_position
from emma_eval.predictions.row_checker import RowChecker
from emma_eval.types import Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def join_strategies(
    task: TaskConfig | None, samples: Sequence[Sample], rows: Sequence[AnswerRow], checker: RowChecker
) -> Iterator[JoinStrategy]:
    """Every strategy that may apply to the rows of the task's answer files, the exact ones first."""
    passes = PassCounts(samples, task)
    yield JoinStrategy("the task's own ids", by_id(samples, passes))
    if any("index" in row.cells for row in rows):  # VLMEvalKit's own row number, beside the benchmark's id
        yield JoinStrategy("the ids beside the index", by_id(samples, passes, keys=("id", "pid", "Index", "idx")))
    if task is not None:
        yield from benchmark_strategies(task, samples, passes)
    if checker.question_keys and (checker.image_keys or (task and task.reader in IMAGE_AS_ID)):
        yield content_strategy(samples, task, checker, passes)
    if checker.question_keys and not checker.image_keys and not any(row.id for row in rows):
        yield from by_position(samples, rows, checker)
    if checker.question_keys and not passes.circular:
        more = ("question_id",) if task and task.reader == "vizwiz_json" else ()  # LLaVA's row numbers
        yield JoinStrategy("row numbers", by_number(samples, checker, (*NUMBER_KEYS, *more)))
