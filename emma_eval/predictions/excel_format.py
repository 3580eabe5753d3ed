"""Read Excel sheets of answers; the first row names the columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.utils.text import first_error_line

Cells = tuple[Any, ...]


def excel_rows(path: Path) -> Iterator[AnswerRow]:
    """The rows of the one sheet that has any; an empty cell is an empty text. Raises UserError naming the file."""
    header, *rows = _sheet(path) or [()]
    names = ["" if name is None else str(name) for name in header]
    repeated = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if repeated:
        raise UserError(f"{path}, row 1: two columns are called {repeated[0]!r:.80}")
    for number, cells in enumerate(rows, 2):
        values = ["" if cell is None else cell for cell in cells]
        if not any(value != "" for value in values):
            continue
        if any(value != "" and not name for name, value in zip(names, values, strict=False)) and len(names) > 1:
            raise UserError(f"{path}, row {number}: a cell stands in a column without a name")
        yield AnswerRow(f"row {number}", dict(zip(names, values, strict=False)))


def _sheet(path: Path) -> list[Cells]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(f"{path}: Excel files need openpyxl (pip install openpyxl); or save it as CSV") from error
    try:
        # Formulas as text: an answer that begins with = is one to Excel.
        with path.open("rb") as file:  # openpyxl leaves a file open that it cannot read
            book = load_workbook(file, read_only=True)
            sheets = [rows for sheet in book.worksheets if (rows := list(sheet.iter_rows(values_only=True)))]
    except Exception as error:  # openpyxl raises what zip, XML and its own code raise
        raise UserError(f"{path}: not an Excel file: {first_error_line(error)}") from error
    if len(sheets) > 1:
        raise UserError(f"{path}: {len(sheets)} sheets have rows; leave the one with the answers")
    return sheets[0] if sheets else []
