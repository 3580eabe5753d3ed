"""A table as data: cells with their marks and places, before it becomes Markdown, LaTeX, CSV or terminal text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's head, one line each: benchmark, split, metric."""

    lines: tuple[str, ...]
    higher_is_better: bool | None = True


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value."""

    text: str = ""
    value: float | None = None  # what is ranked; None for words and gaps
    marks: tuple[str, ...] = ()  # keys of the table's footnotes
    place: Literal[0, 1, 2] = 0  # 1 the best of its column, 2 the second
    interval: str = ""  # stands behind the text


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled line of cells."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with all that stands under it."""

    key: str  # for file names, labels and the CSV
    title: str
    corner: str  # the head of the label column
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[tuple[str, str], ...] = ()  # (mark, text)
    notes: tuple[str, ...] = ()
    records: tuple[dict[str, object], ...] = ()  # the same values, one record each, for the CSV


@dataclass(slots=True)
class Footnotes:
    """Hands out marks, the same one for the same text."""

    alphabetic: bool = False
    _marks: dict[str, str] = field(default_factory=dict)

    def mark(self, text: str) -> str:
        """The mark of a text, a new one at its first use."""
        return self._marks.setdefault(text, self._next())

    def listed(self) -> tuple[tuple[str, str], ...]:
        """(mark, text) in the order of first use."""
        return tuple((mark, text) for text, mark in self._marks.items())

    def _next(self) -> str:
        number = len(self._marks)
        if not self.alphabetic:
            return str(number + 1)
        letter = chr(ord("a") + number % 26)
        return letter * (number // 26 + 1)


def format_value(value: float, unit: str) -> str:
    """As the field prints scores: one decimal, three on a scale of its own; fractions as percent; counts whole."""
    decimals = {"count": 0, "number": 3}.get(unit, 1)
    return f"{value * 100 if unit == 'fraction' else value:z.{decimals}f}"


def format_interval(low: float, high: float, unit: str) -> str:
    """`[82.4, 85.7]`, as precise as the value is printed."""
    return f"[{format_value(low, unit)}, {format_value(high, unit)}]"


def as_percent(value: float, unit: str) -> float:
    """A fraction as percent, everything else as it is: what values of one column are compared in."""
    return value * 100 if unit == "fraction" else value


def with_places(headings: Sequence[Heading], rows: Sequence[Row]) -> tuple[Row, ...]:
    """Mark the best and the second of each column, as printed: equal texts share a place. One value wins nothing."""
    columns = [[row.cells[i] for row in rows] for i in range(len(headings))]
    placed = [_placed(heading.higher_is_better, cells) for heading, cells in zip(headings, columns, strict=True)]
    return tuple(replace(row, cells=tuple(column[i] for column in placed)) for i, row in enumerate(rows))


def transposed(table: Table) -> Table:
    """The table on its side: what was ranked down a column is then ranked along a row."""
    rows = tuple(
        Row(", ".join(heading.lines), tuple(row.cells[i] for row in table.rows))
        for i, heading in enumerate(table.headings)
    )
    return replace(table, corner="", headings=tuple(Heading((row.label,)) for row in table.rows), rows=rows)


def _placed(higher_is_better: bool | None, cells: Sequence[Cell]) -> list[Cell]:
    if higher_is_better is None or sum(cell.value is not None for cell in cells) < 2:
        return list(cells)
    texts = {cell.text for cell in cells if cell.value is not None}
    ranking = sorted(texts, key=float, reverse=higher_is_better)
    places: dict[str, Literal[1, 2]] = {ranking[0]: 1}
    if len(ranking) > 1:
        places[ranking[1]] = 2
    return [replace(cell, place=places.get(cell.text, 0)) if cell.value is not None else cell for cell in cells]
