"""The leaderboard's tables as its tests look at them: a cell by its row and head, notes, labels of rows."""

from __future__ import annotations

from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.tables import Cell, Table, footnotes_of
from emma_eval.reports.view import View
from emma_eval.results.scores import ScoredRun
from tests.fakes import metric, task_scores

PUBLISHED = load_published()


def cell(tables: list[Table], row: str, *head: str) -> Cell:
    """The cell of a row in the column of that head, whatever the table."""
    (found,) = (
        one.cells[[heading.lines for heading in table.headings].index(head)]
        for table in tables
        for one in table.rows
        if one.label == row and head in [heading.lines for heading in table.headings]
    )
    return found


def notes(tables: list[Table], shown: Cell) -> str:
    texts = dict(footnotes_of(tables))
    return " | ".join(texts[mark] for mark in shown.footnotes)


def labels(table: Table) -> list[str]:
    return [row.label for row in table.rows]


def gqa(value: float = 62.34, **changes: object):
    return task_scores("gqa", "testdev-balanced", metric("accuracy", value), **changes)


def compared(run: ScoredRun, same: str, **view: object) -> list[Table]:
    return Leaderboard([run], PUBLISHED, {"my-emma": same}).tables(View(**view))
