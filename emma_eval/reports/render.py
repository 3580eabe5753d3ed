"""Tables on the terminal and as CSV. `markdown` and `latex` write the other formats.

Nothing is wider than the terminal, and no number is cut. What a run prints at its end is in `run_summary`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emma_eval.reports.tables import (
    Cell,
    Table,
    footnotes_of,
    transposed,
    with_columns,
    with_interval_rows,
)
from emma_eval.utils.table_io import to_csv
from emma_eval.utils.terminal import terminal_width
from emma_eval.utils.text import pluralize, single_spaced

if TYPE_CHECKING:
    import rich.console
    import rich.table

CSV_FIELDS = (
    "table",
    "model",
    "kind",
    "benchmark",
    "split",
    "metric",
    "value",
    "low",
    "high",
    "unit",
    "rank",
    "source",
    "remarks",
)
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
DIFFERS = "* not known to be like for like"
STYLES = ("", "bold", "underline")


def csv(tables: Sequence[Table]) -> str:
    """One line a value, with unrounded numbers, source and remarks; no text in it is a formula to a spreadsheet."""
    return to_csv((record for table in tables for record in table.csv_records), CSV_FIELDS)


def print_leaderboard(tables: Sequence[Table], *, sources: bool = False, closing: str = "") -> None:
    """Print all tables. With `sources` the numbered notes too; else how many there are, and stars in their place.

    `closing` is a last line.
    """
    footnotes = footnotes_of(tables)
    for table in tables:
        print_table(table, marks=sources)
    if sources:
        _print_lines([f"{mark.translate(SUPERSCRIPTS)} {single_spaced(text)}" for mark, text in footnotes])
    elif footnotes:
        starred = any(cell.differs for table in tables for row in table.rows for cell in row.cells)
        count = f"{pluralize(len(footnotes), 'note')} and sources: --sources"
        _print_lines([f"{DIFFERS}; {count}" if starred else count])
    _print_lines([closing] if closing else [])


def print_table(table: Table, *, marks: bool = False) -> None:
    """Print a table and its notes, as wide as the terminal; 80 columns, or COLUMNS, where there is none.

    A table that is too wide has its intervals in rows of their own, or rows and columns exchanged, or is cut
    into blocks of fewer columns; if one column is still too wide, its rows are printed as text. Numbers are never cut.
    """
    console = _console()
    if table.title:
        console.print(single_spaced(table.title), style="bold", markup=False, highlight=False)
    if blocks := fitting(table, console, marks=marks):
        for block in blocks:
            console.print(_grid(block, marks))
    else:
        _print_lines(as_lines(table))
    for note in table.notes:
        console.print(single_spaced(note), markup=False, highlight=False)


def fitting(table: Table, console: rich.console.Console, *, marks: bool = False) -> list[Table]:
    """The table as it fits the console: as it is, re-arranged, or in blocks of columns; empty if it can't."""

    def fits(shown: Table) -> bool:
        return _width(_grid(shown, marks), console) <= console.width

    stacked = with_interval_rows(table)
    beside_published = any(row.kind == "published" for row in table.rows)
    whole = [table, stacked, *([] if beside_published else [transposed(table)])]
    if shown := next((one for one in whole if fits(one)), None):
        return [shown]
    blocks: list[list[int]] = []
    for column in range(len(table.headings)):
        if not fits(with_columns(stacked, [column])):
            return []
        if blocks and fits(with_columns(stacked, [*blocks[-1], column])):
            blocks[-1].append(column)
        else:
            blocks.append([column])
    return [with_columns(stacked, block) for block in blocks]


def as_lines(table: Table) -> list[str]:
    """Each row as 'label: head value; head value'. Empty cells are left out."""
    heads = [" ".join(map(single_spaced, heading.lines)) for heading in table.headings]
    lines = []
    for row in table.rows:
        cells = zip(heads, row.cells, strict=True)
        values = (f"{head} {single_spaced(cell.text)}{_interval(cell)}" for head, cell in cells if cell.text)
        lines += [f"{single_spaced(row.label)}: {'; '.join(values)}", ""]
    return lines


def _console() -> rich.console.Console:
    import rich.console

    console = rich.console.Console()
    if not console.is_terminal:
        console.width = terminal_width()
    return console


def _print_lines(lines: Sequence[str]) -> None:
    console = _console()
    for line in lines:
        console.print(line, markup=False, highlight=False)


def _width(shown: rich.table.Table, console: rich.console.Console) -> int:
    """Its width in characters if no cell is folded."""
    import rich.measure

    return rich.measure.Measurement.get(console, console.options.update(max_width=10_000), shown).maximum


def _grid(table: Table, marks: bool) -> rich.table.Table:
    import rich.box
    import rich.table
    import rich.text

    shown = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column(rich.text.Text(table.corner))
    for heading in table.headings:
        shown.add_column(rich.text.Text("\n".join(map(single_spaced, heading.lines))), justify="right")
    for above, row in zip((None, *table.rows), table.rows, strict=False):
        if above and row.kind == "measured" and above.kind == "published":
            shown.add_section()
        dim = "dim" if row.kind == "interval" else ""
        cells = [
            rich.text.Text.assemble(
                (single_spaced(cell.text), dim or STYLES[cell.rank]), _marks(cell, marks), (_interval(cell), "dim")
            )
            for cell in row.cells
        ]
        indent = "  " if row.kind in ("interval", "difference") else ""
        shown.add_row(rich.text.Text(indent + single_spaced(row.label), dim), *cells)
    return shown


def _marks(cell: Cell, numbered: bool) -> str:
    """The numbers of the cell's notes; or a star, if one of them says that it is not of like with like."""
    if numbered:
        return "\N{MIDDLE DOT}".join(mark.translate(SUPERSCRIPTS) for mark in cell.footnotes)
    return "*" if cell.differs else ""


def _interval(cell: Cell) -> str:
    return f" {cell.interval}" if cell.interval else ""
