"""What `score` prints: the metrics with the decimals that official tools print, and why an interval is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emma_eval.reports.headline_metrics import headlines, name_of
from emma_eval.reports.score_report import ScoreReport
from emma_eval.results.scores import MetricRecord, TaskScores
from emma_eval.utils.terminal import Column, paragraph, table_lines
from emma_eval.utils.text import pluralize

DECIMALS = {"percent": 2, "fraction": 4, "points": 2, "number": 4, "count": 0}
FEW = 20  # metrics that are printed all
COLUMNS = (
    Column("metric"),
    Column("by", drop=2),
    Column("category"),
    Column("value", right=True),
    Column("95% interval", right=True),
    Column("n", right=True, drop=1),
)


def score_lines(report: ScoreReport, width: int, *, everything: bool) -> list[str]:
    """Task, counts, metrics and notes. Of many, breakdowns only with `everything`, but for those that papers print."""
    counts = report.counts
    partial = "" if report.complete else " (partial: not comparable)"
    head = f"{report.task}, split {report.split}, protocol {report.protocol}{partial}"
    answered = (
        f"{counts.answered:,} of {counts.samples:,} answered, {counts.failed:,} failed, {counts.missing:,} missing"
    )
    lines = [*paragraph(head, width, rest="    "), *paragraph(answered, width), ""]
    lines += metric_lines(
        report, width, everything=everything, others="of breakdowns more: --all prints them, --json writes them"
    )
    return lines


def metric_lines(report: ScoreReport | TaskScores, width: int, *, everything: bool, others: str) -> list[str]:
    """The metrics as a table, and notes; `others` says where breakdowns are that the table leaves out."""
    categories = headlines(report.metrics, report.metric).categories
    everything = everything or len(report.metrics) <= FEW
    shown = [metric for metric in report.metrics if everything or not metric.group or metric in categories]
    rows = [
        (name_of(m), m.group, m.category, _official_value(m, m.value), _official_interval(m), f"{m.n:,}") for m in shown
    ]
    lines = table_lines(COLUMNS, rows, width)
    more = len(report.metrics) - len(shown)
    if more:
        lines += paragraph(f"{pluralize(more, 'value')} {others}", width)
    for text in (*_missing_intervals(shown), *(f"note: {note}" for note in report.notes)):
        lines += paragraph(text, width, rest="    ")
    return lines


def _official_value(metric: MetricRecord, value: float) -> str:
    """A value of the metric as benchmarks print it: percent with 2 decimals, fractions with 4."""
    return f"{value:.{DECIMALS[metric.unit]}f}" + ("%" if metric.unit == "percent" else "")


def _official_interval(metric: MetricRecord) -> str:
    """`82.10% to 90.40%`, or `none`."""
    interval = metric.interval
    if interval is None:
        return "none"
    return f"{_official_value(metric, interval.low)} to {_official_value(metric, interval.high)}"


def _missing_intervals(metrics: Sequence[MetricRecord]) -> Iterator[str]:
    """The reasons why shown metrics have none, each with their names."""
    concerned: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.interval is None:
            category = f" ({metric.category})" if metric.category else ""
            concerned.setdefault(metric.no_interval, []).append(f"{name_of(metric)}{category}")
    for reason, names in concerned.items():
        yield f"no interval, {', '.join(names)}: {reason}"
