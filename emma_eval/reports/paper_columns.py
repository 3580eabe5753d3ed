"""The columns of the paper's table: one a benchmark, whatever split and protocol a value is of.

What may stand in one is the benchmark all the same: the shipped task, whole, asked in the model's own wording. A
variant or a limited run has a column of its own below, without published values.
"""

from __future__ import annotations

from collections.abc import Iterator

from emma_eval.reports.column_assignment import Layout, Match
from emma_eval.reports.measured_value import ColumnKey
from emma_eval.reports.published import PaperColumn, PaperMetric, Published
from emma_eval.results.scores import TaskScores
from emma_eval.tasks.config import TaskConfig


def paper_key(column: PaperColumn) -> ColumnKey:
    """The key of a column; its values tell their splits themselves."""
    return ColumnKey(column.table, column.title, "", column.metric)


def paper_layout(published: Published) -> Layout:
    """The paper's columns. All others stand in the table `other`."""
    return Layout(
        matches=lambda task: list(_matches(task, published)),
        release=lambda task: "",
        table_of=lambda task: "other",
        columns=frozenset(map(paper_key, published.paper.columns)),
    )


def asks_for(column: PaperColumn, task: TaskConfig) -> bool:
    """Whether the task's value may stand in the column."""
    return any((one.benchmark, one.split) == (task.benchmark, task.split) for one in column.measured)


def _matches(task: TaskScores, published: Published) -> Iterator[Match]:
    """None of a judge's scores, which stand beside those of the same judge alone."""
    if task.judge is not None:
        return
    for column in published.paper.columns:
        for order, wanted in enumerate(column.measured):
            metric = task.find(wanted.name, wanted.group, wanted.category)
            if metric is not None and _is_of(wanted, task):
                yield Match(paper_key(column), metric, order)
                break


def _is_of(wanted: PaperMetric, task: TaskScores) -> bool:
    return (wanted.benchmark, wanted.split) == (task.benchmark, task.split)
