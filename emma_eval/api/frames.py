"""Rows as pandas DataFrames; pandas is imported when the first is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from emma_eval.api.sample_rows import COLUMNS, SampleRow
from emma_eval.results.scores import MetricRecord, TaskScores
from emma_eval.types import Response
from emma_eval.utils.text import sound

if TYPE_CHECKING:
    import pandas as pd

FLOATS = ("score", "value", "low", "high", "seconds", "first", "second", "difference", "p", "p_holm")
COUNTS = (
    "tokens", "passes", "n", "samples", "answered", "failed", "missing", "truncated", "empty", "pass_index",
    "won", "lost", "tied",
)  # fmt: skip
SCORE_COLUMNS = (
    "task", "metric", "group", "category", "value", "low", "high", "unit", "n", "primary", "higher_is_better",
    "samples", "answered", "failed", "missing", "truncated", "empty", "protocol", "wording", "split", "complete",
    "no_interval",
)  # fmt: skip
RESPONSE_COLUMNS = (
    "task", "id", "pass_index", "prompt", "instruction", "answer", "error", "finish_reason", "tokens", "seconds",
    "prompt_cut",
)  # fmt: skip


def frame(rows: Iterable[Mapping[str, Any]] | Mapping[str, Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A frame of rows, or of columns by name; numbers are float64 or Int64 also where none is known.

    Of a row a missing key is None, and keys that are no columns are left out. U+FFFD stands for half a surrogate pair,
    which JSON can spell and pandas cannot hold.
    """
    import pandas as pd

    content = dict(rows) if isinstance(rows, Mapping) else list(rows)
    try:
        found = pd.DataFrame(content, columns=list(columns))
    except UnicodeEncodeError:
        found = pd.DataFrame(sound(content), columns=list(columns))
    types = {name: "float64" for name in FLOATS if name in columns}
    return found.astype(types | {name: "Int64" for name in COUNTS if name in columns})


def samples_frame(rows: Iterable[SampleRow]) -> pd.DataFrame:
    """A row a sample, with the columns of SampleRow."""
    every = list(rows)
    return frame({name: [getattr(row, name) for row in every] for name in COLUMNS}, COLUMNS)


def responses_frame(responses: Iterable[tuple[str, Response]]) -> pd.DataFrame:
    """A row a request: (task, its response)."""
    return frame((_response_row(task, response) for task, response in responses), RESPONSE_COLUMNS)


def _response_row(task: str, response: Response) -> dict[str, Any]:
    values = {field.name: getattr(response, field.name) for field in fields(response)}
    return {"task": task, "id": response.sample_id, "answer": response.text} | values


def scores_frame(tasks: Sequence[TaskScores]) -> pd.DataFrame:
    """A row a metric. A task without any has a row that says why, unless it is there again, judged."""
    scored = {task.name for task in tasks if task.metrics}
    shown = (task for task in tasks if task.metrics or task.name not in scored)
    return frame((row for task in shown for row in score_rows(task)), SCORE_COLUMNS)


def metric_row(metric: MetricRecord, primary: str) -> dict[str, Any]:
    """A metric of a task whose primary one is called so."""
    names = ("group", "category", "value", "unit", "n", "higher_is_better", "no_interval")
    return {name: getattr(metric, name) for name in names} | {
        "metric": metric.name,
        "low": metric.interval.low if metric.interval else None,
        "high": metric.interval.high if metric.interval else None,
        "primary": metric.name == primary and not metric.group,
    }


def score_rows(task: TaskScores) -> list[dict[str, Any]]:
    """The task's metrics, the primary one first; of a task that is not scored here a row without a value."""
    counts = {name: getattr(task.counts, name) for name in ("samples", "answered", "failed", "missing")}
    ends = task.endings
    facts = counts | {
        "task": task.name,
        "truncated": ends.length if ends else None,
        "empty": ends.empty if ends else None,
        "protocol": task.protocol,
        "wording": task.wording,
        "split": task.split,
        "complete": task.complete,
    }
    rows = [facts | metric_row(metric, task.metric) for metric in task.metrics]
    if not rows:
        why = "; ".join(task.notes)
        return [facts | {"metric": task.metric, "group": "", "category": "", "primary": True, "no_interval": why}]
    return sorted(rows, key=lambda row: not row["primary"])
