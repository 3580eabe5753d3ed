"""What `score` reports, as JSON and as text: metrics, the score of each sample, and how they were computed."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from emma_eval.results.scores import Counts, MetricRecord
from emma_eval.types import SampleScore
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.records import Record

SCHEMA_VERSION = 1
DECIMALS = {"percent": 2, "fraction": 4, "points": 2, "number": 4, "count": 0}


class InputFile(Record):
    """An input file; a folder has no hash."""

    name: str
    sha256: str | None

    @classmethod
    def of(cls, path: Path) -> InputFile:
        """The file's name and SHA-256."""
        return cls(name=path.name, sha256=sha256_of_file(path) if path.is_file() else None)


class ScoreReport(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    task: str
    benchmark: str
    split: str
    metric: str = Field(description="the task's primary metric")
    protocol: str = Field(description="the named way of scoring")
    release: str = Field(default="", description="the official release of the data, where several ask differently")
    scorer: str
    options: dict[str, str] = Field(description="the scorer's options that the protocol sets")
    complete: bool = Field(description="False under --limit or --allow-partial: not comparable with anything else")
    predictions: InputFile
    data: dict[str, InputFile] = Field(description="data files by the task's file keys; empty if the hub gave the data")
    counts: Counts
    metrics: tuple[MetricRecord, ...]
    notes: tuple[str, ...]
    samples: tuple[SampleScore, ...] = Field(description="in the benchmark's order; scores are in [0, 1]")


def format_report(report: ScoreReport) -> str:
    """The report as text: task, counts, the table of metrics, notes."""
    from tabulate import tabulate

    counts = report.counts
    head = [
        f"{report.task}, split {report.split}, protocol {report.protocol}"
        + ("" if report.complete else " (partial: not comparable)"),
        f"{counts.answered:,} of {counts.samples:,} answered, {counts.failed:,} failed, {counts.missing:,} missing",
    ]
    rows = [
        [m.name, m.group, m.category, format_metric(m, m.value), format_interval(m), f"{m.n:,}"] for m in report.metrics
    ]
    columns = ("metric", "by", "category", "value", "95% interval", "n")
    alignment = ("left", "left", "left", "right", "right", "right")
    table = tabulate(rows, columns, tablefmt="simple", colalign=alignment, disable_numparse=True)
    return "\n".join([*head, "", table, *(f"note: {note}" for note in report.notes)])


def format_metric(metric: MetricRecord, value: float) -> str:
    """A value of the metric as benchmarks print it: percent with 2 decimals, fractions with 4."""
    return f"{value:.{DECIMALS[metric.unit]}f}" + ("%" if metric.unit == "percent" else "")


def format_interval(metric: MetricRecord) -> str:
    """The interval, or why there is none."""
    interval = metric.interval
    return (
        f"{format_metric(metric, interval.low)} to {format_metric(metric, interval.high)}"
        if interval
        else f"none: {metric.no_interval}"
    )
