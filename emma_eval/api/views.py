"""How runs, comparisons and predictions look when a notebook or a prompt shows them. All text in HTML is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from emma_eval.errors import printable
from emma_eval.reports.headline_metrics import interval_of, value_of
from emma_eval.results.manifest import Manifest
from emma_eval.results.scores import TaskScores
from emma_eval.utils.terminal import Column, table_lines, terminal_width
from emma_eval.utils.text import single_spaced

COLUMNS = (
    Column("task"),
    Column("metric"),
    Column("value", right=True),
    Column("95% interval", right=True),
    Column("samples", right=True),
    Column("without answer", right=True),
)


def run_text(path: str, manifest: Manifest, status: str, tasks: Sequence[TaskScores]) -> str:
    """Model, status and folder in a line, then each task's primary metric."""
    table = table_lines(COLUMNS, _rows(tasks), terminal_width())
    return printable("\n".join([_headline(path, manifest, status), *table]))


def run_html(path: str, manifest: Manifest, status: str, tasks: Sequence[TaskScores]) -> str:
    """The same as HTML."""
    table = html_table(COLUMNS, _rows(tasks)) if tasks else ""
    return f"<p>{escape(_headline(path, manifest, status))}</p>{table}"


def html_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """A table in HTML, every cell escaped."""

    def html_cells(tag: str, texts: Sequence[str]) -> str:
        sides = ("right" if column.right else "left" for column in columns)
        return "".join(
            f'<{tag} style="text-align:{side}">{escape(single_spaced(text))}</{tag}>'
            for side, text in zip(sides, texts, strict=True)
        )

    head = html_cells("th", [column.head for column in columns])
    body = "".join(f"<tr>{html_cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _headline(path: str, manifest: Manifest, status: str) -> str:
    name = manifest.name or manifest.model.name
    shard = f"shard {manifest.settings.shard}, " if manifest.settings.shard else ""
    return single_spaced(f"{name}: {shard}{status} ({path})")


def _rows(tasks: Sequence[TaskScores]) -> list[list[str]]:
    return [_row(task) for task in tasks]


def _row(task: TaskScores) -> list[str]:
    primary = task.find(task.metric)
    unanswered = task.counts.without_answer
    values = ["not scored here", ""] if primary is None else [value_of(primary), interval_of(primary)]
    partial = "" if task.complete else " (partial)"
    name = f"{task.name}, {task.judge.label}" if task.judge else task.name
    return [name, task.metric, *values, f"{task.counts.samples:,}{partial}", f"{unanswered:,}" if unanswered else ""]
