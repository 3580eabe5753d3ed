"""A measured value, the column it stands in, and its cell."""

from __future__ import annotations

from dataclasses import dataclass

from emma_eval.reports.headline_metrics import interval_of
from emma_eval.reports.published import PublishedColumn
from emma_eval.reports.tables import Cell, Heading, as_percent, format_value
from emma_eval.results.scores import MetricRecord, ScoredRun, TaskScores


@dataclass(frozen=True, slots=True)
class ColumnKey:
    """What makes two values comparable, and the table they belong in."""

    table: str  # general, mllm, hallucination, other
    benchmark: str
    split: str
    metric: str


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """One measured number in its column."""

    column: ColumnKey
    metric: MetricRecord
    task: TaskScores
    run: ScoredRun
    not_comparable: str = ""  # why it may not stand beside published values; empty if it may


def key_of(column: PublishedColumn) -> ColumnKey:
    """The key of a declared column."""
    return ColumnKey(column.table, column.benchmark, column.split, column.metric)


def heading_of(key: ColumnKey, higher_is_better: bool | None) -> Heading:
    """The head of a column."""
    return Heading((key.benchmark, key.split, key.metric), higher_is_better)


def measured_cell(metric: MetricRecord, footnotes: tuple[str, ...], csv_record: dict[str, object]) -> Cell:
    """The cell of a metric, with its interval; `csv_record` is its line of the CSV but for the numbers."""
    return Cell(
        format_value(metric.value, metric.unit),
        as_percent(metric.value, metric.unit),
        footnotes,
        interval=interval_of(metric),
        csv_record=csv_record | _csv_numbers(metric),
    )


def _csv_numbers(metric: MetricRecord) -> dict[str, object]:
    """Value and interval, unrounded, fractions as percent."""
    low, high = (metric.interval.low, metric.interval.high) if metric.interval else (None, None)
    return {
        "value": as_percent(metric.value, metric.unit),
        "low": None if low is None else as_percent(low, metric.unit),
        "high": None if high is None else as_percent(high, metric.unit),
        "unit": "percent" if metric.unit == "fraction" else metric.unit,
    }
