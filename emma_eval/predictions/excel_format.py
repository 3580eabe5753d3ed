"""Read Excel sheets of answers; the first row names the columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from emma_eval.errors import UserError
from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.utils.text import first_error_line, format_bytes

Cells = tuple[Any, ...]

MAX_UNPACKED_BYTES = 2**28  # of all XML in a file: MMBench's answers with their questions have some 5 MB
MAX_CELLS = 20_000_000  # visited, empty ones left of or above others included


def excel_rows(path: Path) -> Iterator[AnswerRow]:
    """The rows of the one sheet that has any; an empty cell is an empty text. Raises UserError naming the file."""
    (first, header), *rows = _sheet(path) or [(1, ())]
    names = ["" if name is None else str(name) for name in header]
    repeated = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if repeated:
        raise UserError(f"{path}, row {first}: two columns are called {repeated[0]!r:.80}")
    for number, cells in rows:
        values = ["" if cell is None else cell for cell in cells]
        named = dict(zip_longest(names, values[: len(names)], fillvalue=""))
        if values[len(names) :] or (named.get("") and len(names) > 1):
            raise UserError(f"{path}, row {number}: a cell stands in a column without a name")
        yield AnswerRow(f"row {number}", named)


def _sheet(path: Path) -> list[tuple[int, Cells]]:
    """(row number, its cells up to the last one that is not empty) of each row that has any."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(f"{path}: Excel files need openpyxl (pip install openpyxl); or save it as CSV") from error
    try:
        _require_bounded(path)
        # Formulas as text: an answer that begins with = is one to Excel.
        with path.open("rb") as file:  # openpyxl leaves a file open that it cannot read
            book = load_workbook(file, read_only=True)
            sheets = [rows for sheet in book.worksheets if (rows := list(_filled_rows(sheet)))]
    except Exception as error:  # openpyxl raises what zip, XML and its own code raise
        raise UserError(f"{path}: not an Excel file: {first_error_line(error)}") from error
    if len(sheets) > 1:
        raise UserError(f"{path}: {len(sheets)} sheets have rows; leave the one with the answers")
    return sheets[0] if sheets else []


def _require_bounded(path: Path) -> None:
    """Raise ValueError for a file that unpacks to what only a bomb does; no part of it is unpacked beyond its size."""
    with ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > MAX_UNPACKED_BYTES:
        raise ValueError(f"it unpacks to {format_bytes(size)}, as no file of answers does")


def _filled_rows(sheet: Any) -> Iterator[tuple[int, Cells]]:
    sheet.reset_dimensions()  # by a size that the file claims, rows and columns would be made up
    visited = 0
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        visited += 1 + len(cells)
        if visited > MAX_CELLS:
            raise ValueError(f"it has more than {MAX_CELLS:,} cells, as no file of answers does")
        if last := next((place for place in range(len(cells), 0, -1) if cells[place - 1] not in (None, "")), 0):
            yield number, cells[:last]
