"""Read tab- or comma-separated tables, plain or gzip, strictly: no cell is dropped, moved or swallowed by a quote.

And know the cells that pandas takes for none, and those that a spreadsheet takes for formulas.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.utils.files import read_text, what_it_is
from emma_eval.utils.text import counted, shown

LONGEST_CELL = 2**31 - 1  # MMBench keeps an image in one cell; the most that csv takes on every platform
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon"}

# The cells that pandas reads as "no value".
PANDAS_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)


def read_table(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of its last line, cells by column) of each row; empty lines are none.

    Raises UserError naming file and line: another number of cells than columns, two columns of one name, a quote that
    nothing closes, another delimiter.
    """
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            if header is None:
                header = _header(path, cells, delimiter) if cells else None
            elif cells:
                yield reader.line_num, _row(f"{path}, line {reader.line_num}", header, cells, delimiter)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {start}: not a table: {_told(error)}") from error


def _told(error: csv.Error) -> str:
    if "NUL" in str(error):
        return "it holds NUL bytes"
    return f"{error}; the row that begins here has a quote that is not closed, or text behind one"


def _header(path: Path, cells: list[str], delimiter: str) -> list[str]:
    while len(cells) > 1 and not cells[-1]:  # a spreadsheet's empty columns
        cells = cells[:-1]
    other = next((other for other in _NAMES if len(cells) == 1 and other != delimiter and other in cells[0]), None)
    if other:
        raise UserError(
            f"{path}, line 1: {_NAMES[other]}s where {_NAMES[delimiter]}s are expected between the columns: "
            f"{shown(cells[0])}; {_MENDS.get(other, 'save it with commas, as .csv')}"
        )
    if len(cells) == 1 and (what := what_it_is(cells[0])):
        raise UserError(f"{path}: not a table{what}")
    doubled = [name for name, count in Counter(cells).items() if count > 1]
    if doubled:
        raise UserError(f"{path}, line 1: two columns are called {doubled[0]!r:.80}")
    return cells


_MENDS = {",": "name it .csv, or save it with tabs", "\t": "name it .tsv, or save it with commas"}


def _row(place: str, header: list[str], cells: list[str], delimiter: str) -> dict[str, str]:
    """The cells by column; further ones may stand there if they are empty."""
    while len(cells) > len(header) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != len(header):
        raise UserError(
            f"{place}: {counted(len(cells), 'cell')} under {counted(len(header), 'column')}; "
            f"a {_NAMES[delimiter]} or line end within a text needs quotes"
        )
    return dict(zip(header, cells, strict=True))


def spreadsheet_safe(cell: Any) -> Any:
    """A cell for a table that people open in a spreadsheet: `'` before a text that it would take for a formula.

    Numbers stay, and so does every other text; `'` at a cell's begin is what spreadsheets themselves use to mark text.
    """
    if not isinstance(cell, str) or cell[:1] not in _FORMULA:
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


_FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # and the full-width forms of the first four
