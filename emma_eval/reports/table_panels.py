"""The paper's table as panels for figures: published and measured models on benchmarks scored in percent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from emma_eval.reports.html.panels import PERCENT, Mark, Panel, PanelRow
from emma_eval.reports.tables import Cell, Table

MODELS = ("published", "measured")


def table_panel(table: Table, models: Sequence[str]) -> Panel:
    """The panel; its marks number the models by `models`. Columns of points or CIDEr are left out."""
    columns = [i for i in range(len(table.headings)) if any(_in_percent(row.cells[i]) for row in table.rows)]
    rows = []
    for column in columns:
        cells = [(row.label, row.cells[column]) for row in table.rows if row.kind in MODELS]
        marks = tuple(_mark(models.index(label), label, cell) for label, cell in cells if cell.value is not None)
        rows.append(PanelRow(" ".join(table.headings[column].lines).replace("- ", ""), marks))
    return Panel(table.key, table.title, "", tuple(rows), PERCENT, "Score (%)")


def _in_percent(cell: Cell) -> bool:
    return cell.value is not None and (cell.csv_record or {}).get("unit") == "percent"


def _mark(number: int, label: str, cell: Cell) -> Mark:
    record = cell.csv_record or {}
    value = cast("float", cell.value)
    low, high = (cast("float | None", record.get(bound)) for bound in ("low", "high"))
    if low is None or high is None:
        return Mark(number, label, value, value, value, cell.text)
    return Mark(number, label, value, low, high, cell.text, cell.interval)
