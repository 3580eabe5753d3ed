"""A table as data, before it becomes Markdown, LaTeX, CSV or terminal text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

RowKind = Literal["", "published", "measured", "interval", "difference"]
INTERVAL = "95% interval"  # the label of a row of intervals


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column, one line each: benchmark, split, metric."""

    lines: tuple[str, ...]
    higher_is_better: bool | None = True  # None: the column is not ranked


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value."""

    text: str = ""
    value: float | None = None  # what is ranked; None for words and empty cells
    footnotes: tuple[str, ...] = ()  # marks of the table's footnotes
    rank: Literal[0, 1, 2] = 0  # 1 the best of its column, 2 the second, 0 all others
    interval: str = ""  # printed after the text
    csv_record: Mapping[str, object] | None = None  # its line of the CSV file; `rank` is added to it
    differs: bool = False  # whether a footnote says that it is not of like with like


@dataclass(frozen=True, slots=True)
class TableRow:
    """A labelled row of cells."""

    label: str
    cells: tuple[Cell, ...]
    kind: RowKind = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its notes, and the footnotes that its marks refer to."""

    key: str  # for file names, labels and the CSV
    title: str
    corner: str  # the head of the label column
    headings: tuple[Heading, ...]
    rows: tuple[TableRow, ...]
    footnotes: tuple[tuple[str, str], ...] = ()  # (mark, text)
    notes: tuple[str, ...] = ()

    @property
    def csv_records(self) -> list[dict[str, object]]:
        """The lines of the CSV file, of all cells that have one."""
        cells = (cell for row in self.rows for cell in row.cells)
        return [{"rank": cell.rank or ""} | dict(cell.csv_record) for cell in cells if cell.csv_record]


@dataclass(slots=True)
class Footnotes:
    """Assigns marks (1, 2, ...) to texts; equal texts share a mark, also those of several tables."""

    _marks: dict[str, str] = field(default_factory=dict)

    def mark(self, text: str) -> str:
        """The mark of a text, a new one at its first use."""
        return self._marks.setdefault(text, str(len(self._marks) + 1))

    def used_by(self, rows: Sequence[TableRow]) -> tuple[tuple[str, str], ...]:
        """(mark, text) of the marks that these rows show, in the order of the marks."""
        shown = {mark for row in rows for cell in row.cells for mark in cell.footnotes}
        return tuple((mark, text) for text, mark in self._marks.items() if mark in shown)


def renumbered(tables: Sequence[Table]) -> list[Table]:
    """The tables with marks numbered from 1 in the order in which they are read, whatever was left out."""
    cells = [cell for table in tables for row in table.rows for cell in row.cells]
    marks = list(dict.fromkeys(mark for cell in cells for mark in cell.footnotes))
    new = {mark: str(number) for number, mark in enumerate(marks, 1)}

    def in_new(cell: Cell) -> Cell:
        return replace(cell, footnotes=tuple(new[mark] for mark in cell.footnotes)) if cell.footnotes else cell

    return [
        replace(
            table,
            rows=tuple(replace(row, cells=tuple(map(in_new, row.cells))) for row in table.rows),
            footnotes=tuple(sorted(((new[mark], text) for mark, text in table.footnotes), key=_number)),
        )
        for table in tables
    ]


def _number(footnote: tuple[str, str]) -> int:
    return int(footnote[0])


def footnotes_of(tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
    """The footnotes of tables that share a numbering, each once, in its order."""
    return tuple(sorted({one for table in tables for one in table.footnotes}, key=_number))


def format_value(value: float, unit: str) -> str:
    """One decimal (three for the unit `number`, none for `count`); fractions as percent."""
    decimals = {"count": 0, "number": 3}.get(unit, 1)
    return f"{value * 100 if unit == 'fraction' else value:z.{decimals}f}"


def format_published(value: float) -> str:
    """With the decimals of the source, one at least and two at most: `78.5`, `89.42`."""
    one, two = f"{value:.1f}", f"{value:.2f}"
    return one if two == f"{one}0" else two


def format_interval(low: float, high: float, unit: str) -> str:
    """`[82.4, 85.7]`, with the decimals of the value."""
    return f"[{format_value(low, unit)}, {format_value(high, unit)}]"


def as_percent(value: float, unit: str) -> float:
    """A fraction as percent, other units unchanged: the unit in which values of one column are compared."""
    return value * 100 if unit == "fraction" else value


def with_ranks(headings: Sequence[Heading], rows: Sequence[TableRow]) -> tuple[TableRow, ...]:
    """Rank the best and the second of each column by printed text; equal texts share a rank.

    One value has no rank, and the worst is never a second.
    """
    columns = [[row.cells[i] for row in rows] for i in range(len(headings))]
    ranked = [_ranked(heading.higher_is_better, cells) for heading, cells in zip(headings, columns, strict=True)]
    return tuple(replace(row, cells=tuple(column[i] for column in ranked)) for i, row in enumerate(rows))


def with_columns(table: Table, indices: Sequence[int]) -> Table:
    """The table with these columns alone; rows without a value in them are left out, unless all are."""
    rows = [replace(row, cells=tuple(row.cells[i] for i in indices)) for row in table.rows]
    filled = [row for row in rows if any(cell.text or cell.interval for cell in row.cells)]
    return replace(table, headings=tuple(table.headings[i] for i in indices), rows=tuple(filled or rows))


def with_interval_rows(table: Table) -> Table:
    """Intervals of measured values in rows of their own, below the values: columns become narrower."""
    rows: list[TableRow] = []
    for row in table.rows:
        if row.kind != "measured" or not any(cell.interval for cell in row.cells):
            rows.append(row)
        else:
            rows.append(replace(row, cells=tuple(replace(cell, interval="") for cell in row.cells)))
            rows.append(TableRow(INTERVAL, tuple(Cell(_from_to(cell.interval)) for cell in row.cells), "interval"))
    return replace(table, rows=tuple(rows))


def _from_to(interval: str) -> str:
    """`[78.8, 79.2]` with a dash between the bounds, which is narrower; with a negative bound as it is."""
    return interval if "-" in interval else interval.strip("[]").replace(", ", "\N{EN DASH}")


def transposed(table: Table) -> Table:
    """The table with rows and columns exchanged; ranks stay."""
    rows = tuple(
        TableRow(", ".join(heading.lines), tuple(row.cells[i] for row in table.rows))
        for i, heading in enumerate(table.headings)
    )
    return replace(table, corner="", headings=tuple(Heading((row.label,)) for row in table.rows), rows=rows)


def _ranked(higher_is_better: bool | None, cells: Sequence[Cell]) -> list[Cell]:
    if higher_is_better is None or sum(cell.value is not None for cell in cells) < 2:
        return list(cells)
    texts = {cell.text for cell in cells if cell.value is not None}
    order = sorted(texts, key=float, reverse=higher_is_better)
    ranks: dict[str, Literal[1, 2]] = {order[0]: 1}
    if len(order) > 2:  # of two values the second is the worst
        ranks[order[1]] = 2
    return [replace(cell, rank=ranks.get(cell.text, 0)) if cell.value is not None else cell for cell in cells]
