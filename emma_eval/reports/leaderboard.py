"""The leaderboard: runs placed among published scores, as the paper compares them, or strictly, and the mini suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emma_eval.reports.column_assignment import assign_columns
from emma_eval.reports.mini_tables import mini_tables
from emma_eval.reports.model_matching import match_models
from emma_eval.reports.model_rows import model_rows
from emma_eval.reports.other_table import other_table
from emma_eval.reports.paper_columns import paper_key, paper_layout
from emma_eval.reports.paper_tables import PaperTables
from emma_eval.reports.published import PaperColumn, Published
from emma_eval.reports.published_beside import PublishedBeside, published_beside
from emma_eval.reports.strict_tables import strict_tables
from emma_eval.reports.tables import Footnotes, Table, renumbered
from emma_eval.reports.view import Selection, View, require_models, require_sort, select, select_rows
from emma_eval.results.scores import ScoredRun
from emma_eval.utils.text import pluralize

EVERYTHING = View()


class Leaderboard:
    """Runs placed among published scores, once for all views of them.

    `same` are the published models that measured ones are, by name (`--as`). Raises UserError for unknown names in it.
    """

    def __init__(self, runs: Sequence[ScoredRun], published: Published, same: Mapping[str, str] | None = None) -> None:
        self.runs = runs
        self._published = published
        self._rows = model_rows(runs, assign_columns(runs, paper_layout(published)))
        self._matches = match_models(self._rows, published, same or {})

    def tables(self, view: View = EVERYTHING, *, measured_only: bool = False) -> list[Table]:
        """The tables of a view. Raises UserError for names in it that nothing has."""
        view = replace(view, measured_only=True) if measured_only else view
        footnotes = Footnotes()
        selection = select(self.runs, view, self._published)
        runs = [run for run in map(selection.of_run, self.runs) if run.scores.tasks]
        if view.strict:
            only = view.measured_only
            tables = strict_tables(runs, self._published, selection, measured_only=only, footnotes=footnotes)
        else:
            tables = self._paper(selection, view, footnotes)
        tables += mini_tables(runs, footnotes)
        require_models(tables, view)
        shown = renumbered([kept for table in tables if (kept := select_rows(table, view)).rows])
        return shown if view.strict else _notes_once(shown)

    def _paper(self, selection: Selection, view: View, footnotes: Footnotes) -> list[Table]:
        rows = [row.with_tasks(selection.keeps) for row in self._rows]
        rows = [row for row in rows if row.values]
        columns = [one for one in selection.columns if self._is_shown(one, view)]
        require_sort(view, columns)
        paper = PaperTables(rows, self._matches, self._published, view, footnotes)
        return [*paper.tables(columns), *other_table(rows, footnotes)]

    def _is_shown(self, column: PaperColumn, view: View) -> bool:
        """Whether a column has a value, or a measured one where only those are wanted."""
        if self._is_measured(column):
            return True
        rows = self._published.paper.rows
        return not view.measured_only and any(self._published.choose_for_paper(row, column) for row in rows)

    def _is_measured(self, column: PaperColumn) -> bool:
        return any(paper_key(column) in row.values for row in self._rows)

    def left_out(self) -> str:
        """One line on the benchmarks that `measured_only` leaves out; empty if there are none."""
        columns = self._published.paper.columns
        hidden = [one for one in columns if self._is_shown(one, EVERYTHING) and not self._is_measured(one)]
        rows = [row for row in self._published.paper.rows if not row.only_matched]
        values = sum(bool(self._published.choose_for_paper(row, column)) for row in rows for column in hidden)
        return (
            f"{pluralize(len(hidden), 'benchmark')} without a measured value, with "
            f"{pluralize(values, 'published value')}, left out: --tasks all shows them"
            if hidden
            else ""
        )

    def published_beside(self) -> PublishedBeside | None:
        """The published values of the model that the runs' is; None if it is none."""
        return published_beside(self._rows, self._matches, self._published)


def _notes_once(tables: Sequence[Table]) -> list[Table]:
    """The tables without the notes that an earlier one has."""
    told: set[str] = set()
    once = []
    for table in tables:
        once.append(replace(table, notes=tuple(note for note in table.notes if note not in told)))
        told |= set(table.notes)
    return once
