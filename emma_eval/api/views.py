"""How runs, comparisons and predictions look when a notebook or a prompt shows them. All text in HTML is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from emma_eval.errors import printable
from emma_eval.reports.render import one_line
from emma_eval.reports.tables import format_interval, format_value
from emma_eval.results.manifest import Manifest
from emma_eval.results.scores import MetricRecord, ScoresFile, TaskScores

HEADS = ("task", "metric", "value", "95% interval", "samples", "without answer")
ALIGNMENT = ("left", "left", "right", "right", "right", "right")


def run_text(path: str, manifest: Manifest, scores: ScoresFile | None) -> str:
    """Model, status and folder in a line, then each task's primary metric."""
    return "\n".join([_headline(path, manifest), *([text_table(HEADS, _rows(scores), ALIGNMENT)] if scores else [])])


def run_html(path: str, manifest: Manifest, scores: ScoresFile | None) -> str:
    """The same as HTML."""
    table = html_table(HEADS, _rows(scores), ALIGNMENT) if scores else ""
    return f"<p>{escape(_headline(path, manifest))}</p>{table}"


def text_table(heads: Sequence[str], rows: Sequence[Sequence[Any]], alignment: Sequence[str]) -> str:
    """A table in plain text, each cell in one line."""
    from tabulate import tabulate

    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    return printable(
        tabulate(cells, heads, tablefmt="simple", colalign=alignment if cells else None, disable_numparse=True)
    )


def html_table(heads: Sequence[str], rows: Sequence[Sequence[Any]], alignment: Sequence[str]) -> str:
    """A table in HTML, every cell escaped."""

    def line(tag: str, cells: Sequence[Any]) -> str:
        styled = zip(alignment, cells, strict=True)
        return "".join(
            f'<{tag} style="text-align:{side}">{escape(one_line(str(cell)))}</{tag}>' for side, cell in styled
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', heads)}</tr></thead><tbody>{body}</tbody></table>"


def _headline(path: str, manifest: Manifest) -> str:
    name, status = manifest.name or manifest.model.name, manifest.status
    shard = f"shard {manifest.settings.shard}, " if manifest.settings.shard else ""
    return one_line(f"{name}: {shard}{status} ({path})")


def _rows(scores: ScoresFile) -> list[list[str]]:
    return [_row(task) for task in scores.tasks]


def _row(task: TaskScores) -> list[str]:
    primary = task.find(task.metric)
    lost = task.counts.failed + task.counts.missing
    values = ["not scored here", ""] if primary is None else [value_text(primary), interval_text(primary)]
    partial = "" if task.complete else " (partial)"
    return [task.name, task.metric, *values, f"{task.counts.samples:,}{partial}", f"{lost:,}" if lost else ""]


def value_text(metric: MetricRecord) -> str:
    """The value as tables print it."""
    return format_value(metric.value, metric.unit)


def interval_text(metric: MetricRecord) -> str:
    """The interval as tables print it; empty without one."""
    return format_interval(metric.interval.low, metric.interval.high, metric.unit) if metric.interval else ""
