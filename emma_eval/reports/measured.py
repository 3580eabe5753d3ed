"""Measured values as tables show them: a number and the column it stands in."""

from __future__ import annotations

from dataclasses import dataclass

from emma_eval.reports.published import Column
from emma_eval.reports.tables import Cell, Heading, as_percent, format_interval, format_value
from emma_eval.results.scores import MetricRecord, ScoredRun, TaskScores


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
    run: ScoredRun
    apart: str = ""  # why it may not stand beside published values; empty where it may


def key_of(column: Column) -> ColumnKey:
    """The key of a declared column."""
    return ColumnKey(column.table, column.benchmark, column.split, column.metric)


def heading_of(key: ColumnKey, higher_is_better: bool | None) -> Heading:
    """The head of a column."""
    return Heading((key.benchmark, key.split, key.metric), higher_is_better)


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
