"""The strict view of the leaderboard: a column is one benchmark, one split and one metric.

Values that differ in any of them stand in different columns. Notes give the source and split of a published value, and
doubts about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from emma_eval.reports.column_assignment import assign_columns, strict_layout
from emma_eval.reports.comparability import template_notes
from emma_eval.reports.measured_value import ColumnKey, heading_of, key_of, measured_cell
from emma_eval.reports.model_rows import ModelRow, model_rows
from emma_eval.reports.provenance import doubts, provenance, published_record, sources_of
from emma_eval.reports.published import ChosenScore, Published
from emma_eval.reports.tables import Cell, Footnotes, Table, TableRow, format_value, with_ranks
from emma_eval.reports.view import Selection
from emma_eval.results.scores import ScoredRun
from emma_eval.utils.text import pluralize

TITLES = {
    "general": "General benchmarks",
    "mllm": "MLLM benchmarks",
    "hallucination": "Hallucination benchmarks",
    "other": "Other measured tasks",
}
MIN_PUBLISHED = 2  # published values that a column without a measured one must have to be shown

ChosenScores = dict[tuple[str, ColumnKey], ChosenScore]  # (published model, column) -> what stands there


def strict_tables(
    runs: Sequence[ScoredRun], published: Published, selection: Selection, *, measured_only: bool, footnotes: Footnotes
) -> list[Table]:
    """All tables with at least one row. With `measured_only`, only columns that hold a measured value."""
    rows = model_rows(runs, assign_columns(runs, strict_layout(published)))
    chosen = {
        (model, key_of(column)): score
        for model in published.rows
        for column in filter(selection.keeps_column, published.columns)
        if (score := published.choose(model, column))
    }
    options = _Options(published, measured_only, footnotes)
    builders = (_TableBuilder(key, rows, chosen, options) for key in TITLES)
    return [table for builder in builders if (table := builder.table()).rows]


class _Options(NamedTuple):
    published: Published
    measured_only: bool
    footnotes: Footnotes


class _TableBuilder:
    """Builds one table: selects rows and columns, makes the cells, collects their footnotes."""

    def __init__(self, key: str, rows: list[ModelRow], chosen: ChosenScores, options: _Options) -> None:
        self.key = key
        self.published, self.measured_only, self.footnotes = options
        self.chosen = {(model, column): score for (model, column), score in chosen.items() if column.table == key}
        self.rows = [row for row in rows if any(column.table == key for column in row.values)]
        self.declared = {key_of(column): column for column in self.published.columns if column.table == key}
        self.columns = self._columns()

    def _columns(self) -> list[ColumnKey]:
        """Declared columns with a measured value or enough published ones, then columns of measured values alone."""
        measured = dict.fromkeys(column for row in self.rows for column in row.values if column.table == self.key)
        needed = len(self.published.rows) + 1 if self.measured_only else MIN_PUBLISHED
        declared = [
            column
            for column in self.declared
            if column in measured or sum(of == column for _, of in self.chosen) >= needed
        ]
        return [*declared, *(column for column in measured if column not in self.declared)]

    def table(self) -> Table:
        """The table; without rows if nothing belongs in it."""
        headings = tuple(heading_of(column, self._higher_is_better(column)) for column in self.columns)
        rows = [
            TableRow(
                self.published.name_of(model),
                tuple(self._published_cell(model, column) for column in self.columns),
                "published",
            )
            for model in self.published.rows
            if any((model, column) in self.chosen for column in self.columns)
        ]
        rows += [
            TableRow(row.label, tuple(self._measured_cell(row, column) for column in self.columns), "measured")
            for row in self.rows
        ]
        return Table(
            key=self.key,
            title=TITLES[self.key],
            corner="Model",
            headings=headings,
            rows=with_ranks(headings, rows),
            footnotes=self.footnotes.used_by(rows),
            notes=self._notes(),
        )

    def _higher_is_better(self, column: ColumnKey) -> bool | None:
        """As declared; for a column of measured values alone, as the metric says."""
        if column in self.declared:
            return self.declared[column].higher_is_better
        return next(row.values[column].metric.higher_is_better for row in self.rows if column in row.values)

    def _published_cell(self, model: str, column: ColumnKey) -> Cell:
        chosen = self.chosen.get((model, column))
        if chosen is None:
            return Cell()
        score = chosen.score
        remarks = doubts(score, self.published)
        source = sources_of(chosen, self.published, column.metric)
        name = self.published.name_of(model)
        record = self._csv_record(column) | published_record(name, score, source, remarks)
        footnotes = tuple(map(self.footnotes.mark, (source, *remarks)))
        return Cell(format_value(score.value, score.unit), score.value, footnotes, csv_record=record)

    def _measured_cell(self, row: ModelRow, column: ColumnKey) -> Cell:
        value = row.values.get(column)
        if value is None:
            return Cell()
        source = provenance(value, name_run=len(row.folders) > 1)
        record = self._csv_record(column) | {"model": row.label, "kind": "measured", "source": source}
        return measured_cell(value.metric, (self.footnotes.mark(source),), record)

    def _csv_record(self, column: ColumnKey) -> dict[str, object]:
        return {"table": self.key, "benchmark": column.benchmark, "split": column.split, "metric": column.metric}

    def _notes(self) -> tuple[str, ...]:
        """Conversation templates, and how many published values are in no column."""
        asked = template_notes(
            (row.label, value.task.setup.template) for row in self.rows for value in row.values.values()
        )
        hidden = sum(column not in self.columns for _, column in self.chosen)
        why = "without a measured value" if self.measured_only else "of a single published value"
        left_out = f"Columns {why}, with {pluralize(hidden, 'published value')}, are left out; `explain TASK` has them."
        return (*asked, *([left_out] if hidden else ()))
