"""What may not stand beside published values: variants of a benchmark, limited runs, tasks of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.reports.comparability import template_notes
from emma_eval.reports.measured_value import ColumnKey, heading_of, measured_cell
from emma_eval.reports.model_rows import ModelRow
from emma_eval.reports.provenance import provenance
from emma_eval.reports.tables import Cell, Footnotes, Table, TableRow, with_ranks

KEY = "other"
TITLE = "Measured, and not comparable with published values"


def other_table(rows: Sequence[ModelRow], footnotes: Footnotes) -> list[Table]:
    """The table, if any value stands in it."""
    columns = list(dict.fromkeys(column for row in rows for column in row.values if column.table == KEY))
    if not columns:
        return []
    shown = [row for row in rows if any(column in row.values for column in columns)]
    headings = [
        heading_of(
            column,
            next(row.values[column].metric.higher_is_better for row in shown if column in row.values),
        )
        for column in columns
    ]

    def cell(row: ModelRow, column: ColumnKey) -> Cell:
        value = row.values.get(column)
        if value is None:
            return Cell()
        record: dict[str, object] = {"table": KEY, "model": row.label, "kind": "measured", "source": provenance(value)}
        of = value.column
        record |= {"benchmark": of.benchmark, "split": of.split, "metric": of.metric}
        return measured_cell(value.metric, (footnotes.mark(provenance(value)),), record)

    table_rows = [TableRow(row.label, tuple(cell(row, column) for column in columns), "measured") for row in shown]
    values = [(row, row.values[column]) for row in shown for column in columns if column in row.values]
    asked = template_notes((row.label, value.task.setup.template) for row, value in values)
    reasons = dict.fromkeys(value.not_comparable for _, value in values)
    return [
        Table(
            key=KEY,
            title=TITLE,
            corner="Model",
            headings=tuple(headings),
            rows=with_ranks(headings, table_rows),
            footnotes=footnotes.used_by(table_rows),
            notes=(*(f"{reason[0].upper()}{reason[1:]}." for reason in reasons if reason), *asked),
        )
    ]
