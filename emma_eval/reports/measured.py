"""Measured values as the leaderboard needs them: which column each belongs in, and whose row it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emma_eval.reports.published import Column, Measured, Published, TableKey
from emma_eval.reports.scores_file import MetricRecord, ModelRecord, ScoresFile, TaskScores
from emma_eval.reports.tables import Cell, Heading, as_percent, format_interval, format_value
from emma_eval.text import counted


@dataclass(frozen=True, slots=True)
class ColumnKey:
    """What makes two values comparable, and the table they belong in."""

    table: str  # general, mllm, hallucination, other
    benchmark: str
    split: str
    metric: str


@dataclass(frozen=True, slots=True)
class Value:
    """One measured number in its column."""

    column: ColumnKey
    metric: MetricRecord
    task: TaskScores
    apart: str = ""  # why it may not stand beside published values; empty where it may


@dataclass(slots=True)
class MeasuredRow:
    """One model's measured values, from one run or several."""

    model: ModelRecord
    label: str
    values: dict[ColumnKey, Value] = field(default_factory=dict)


def key_of(column: Column) -> ColumnKey:
    """The key of a declared column."""
    return ColumnKey(column.table, column.benchmark, column.split, column.metric)


def heading_of(key: ColumnKey, column: Column | None) -> Heading:
    """The head of a column."""
    return Heading((key.benchmark, key.split, key.metric), column.better if column else "higher")


def measured_rows(runs: Sequence[ScoresFile], published: Published) -> list[MeasuredRow]:
    """The rows of every model: runs of one model share a row unless they measured the same thing twice."""
    rows: list[MeasuredRow] = []
    for run in runs:
        values = [value for task in run.tasks if not task.mini for value in place(task, published)]
        row = next(
            (row for row in rows if row.model == run.model and row.values.keys().isdisjoint(v.column for v in values)),
            None,
        )
        if row is None:
            row = MeasuredRow(run.model, "")
            rows.append(row)
        row.values |= {value.column: value for value in values}
    for row, label in zip(rows, labels([row.model for row in rows]), strict=True):
        row.label = f"{label} (measured)"
    return rows


def measured_cell(metric: MetricRecord, marks: tuple[str, ...]) -> Cell:
    """A metric as a table shows it, with its interval."""
    between = metric.interval and format_interval(metric.interval.low, metric.interval.high, metric.unit)
    return Cell(
        format_value(metric.value, metric.unit), as_percent(metric.value, metric.unit), marks, interval=between or ""
    )


def numbers(metric: MetricRecord) -> dict[str, object]:
    """A metric as the CSV has it: a fraction as percent, unrounded."""
    low, high = (metric.interval.low, metric.interval.high) if metric.interval else (None, None)
    return {
        "value": as_percent(metric.value, metric.unit),
        "low": None if low is None else as_percent(low, metric.unit),
        "high": None if high is None else as_percent(high, metric.unit),
        "unit": "percent" if metric.unit == "fraction" else metric.unit,
    }


def place(task: TaskScores, published: Published) -> Iterator[Value]:
    """The columns a task's numbers belong in: declared ones where all agrees, else one of its own for the primary."""
    same_benchmark = [c for c in published.columns if any(m.benchmark == task.benchmark for m in c.measured)]
    found = False
    for column in same_benchmark:
        for measured in column.measured:
            metric = task.find(measured.name, measured.group, measured.category)
            if metric is not None and _agrees(task, measured):
                found = True
                yield Value(key_of(column), metric, task)
    primary = task.find(task.metric)
    if found or primary is None:
        return
    table: TableKey | str = same_benchmark[0].table if same_benchmark else "other"
    reason = _why_apart(task)
    split = task.split if task.complete else f"{task.split}, {counted(task.counts.samples, 'question')} only"
    name = task.metric.replace("_", " ")
    metric_name = name if task.protocol == "official" else f"{name}, protocol {task.protocol}"
    yield Value(ColumnKey(table, task.title, split, metric_name), primary, task, reason)


def labels(models: Sequence[ModelRecord]) -> list[str]:
    """A distinct name for each: the model's own, with precision, weights or a number only where names clash."""
    names = [model.name for model in models]
    for details in ([model.dtype for model in models], [model.weights[:8] for model in models]):
        clash = {name for name in names if names.count(name) > 1}
        names = [f"{name}, {more}" if name in clash else name for name, more in zip(names, details, strict=True)]
    return [
        f"{name}, run {names[: i + 1].count(name)}" if names.count(name) > 1 else name for i, name in enumerate(names)
    ]


def distinct(first: str, second: str) -> tuple[str, str]:
    """Two names, told apart where they are one."""
    return (first, second) if first != second else (f"{first} (A)", f"{second} (B)")


def _agrees(task: TaskScores, measured: Measured) -> bool:
    agreed = (task.benchmark, task.split, task.protocol) == (measured.benchmark, measured.split, measured.protocol)
    return task.complete and agreed


def _why_apart(task: TaskScores) -> str:
    if not task.complete:
        return f"only {task.counts.samples} of the questions were asked, so it is not comparable with published values"
    if task.protocol != "official":
        return f"scored by the protocol {task.protocol}, so it is not comparable with official scores"
    return "no published value has this benchmark, split and metric"
