"""Read tab- or comma-separated tables, plain or gzip, strictly, and write CSV that is safe to open in a spreadsheet.

No cell is dropped, moved to another column, or swallowed by a quote that nothing closes.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.utils.files import content_hint, read_text
from emma_eval.utils.text import pluralize, preview

MAX_CELL_LENGTH = 2**31 - 1  # MMBench keeps an image in one cell; the most that csv takes on every platform
_DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon"}
_DELIMITER_HINTS = {",": "name it .csv, or save it with tabs", "\t": "name it .tsv, or save it with commas"}
_FORMULA_STARTS = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # and the full-width forms of the first four

# The cells that pandas reads as "no value".
PANDAS_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)


def read_table(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, cells by column) of each row; the number is that of its last line. Empty lines are skipped.

    Raises UserError naming file and line: another number of cells than columns, two columns of one name, a quote that
    nothing closes, another delimiter.
    """
    csv.field_size_limit(MAX_CELL_LENGTH)
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            if header is None:
                header = _header(path, cells, delimiter) if cells else None
            elif cells:
                yield reader.line_num, _cells_by_column(f"{path}, line {reader.line_num}", header, cells, delimiter)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {start}: not a table: {_describe_csv_error(error)}") from error


def _describe_csv_error(error: csv.Error) -> str:
    if "NUL" in str(error):
        return "it holds NUL bytes"
    return f"{error}; the row that begins here has a quote that is not closed, or text behind one"


def _header(path: Path, cells: list[str], delimiter: str) -> list[str]:
    while len(cells) > 1 and not cells[-1]:  # a spreadsheet's empty columns
        cells = cells[:-1]
    others = (other for other in _DELIMITER_NAMES if other != delimiter and other in cells[0])
    if len(cells) == 1 and (other := next(others, None)):
        raise UserError(
            f"{path}, line 1: {_DELIMITER_NAMES[other]}s where {_DELIMITER_NAMES[delimiter]}s are expected between the "
            f"columns: {preview(cells[0])}; {_DELIMITER_HINTS.get(other, 'save it with commas, as .csv')}"
        )
    if len(cells) == 1 and (hint := content_hint(cells[0])):
        raise UserError(f"{path}: not a table{hint}")
    doubled = [name for name, count in Counter(cells).items() if count > 1]
    if doubled:
        raise UserError(f"{path}, line 1: two columns are called {doubled[0]!r:.80}")
    return cells


def _cells_by_column(position: str, header: list[str], cells: list[str], delimiter: str) -> dict[str, str]:
    """The cells by column. Further cells are allowed if they are empty."""
    while len(cells) > len(header) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != len(header):
        raise UserError(
            f"{position}: {pluralize(len(cells), 'cell')} under {pluralize(len(header), 'column')}; "
            f"a {_DELIMITER_NAMES[delimiter]} or line end within a text needs quotes"
        )
    return dict(zip(header, cells, strict=True))


def to_csv(records: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """CSV with a header line. None or a missing key is an empty cell; keys that are no columns are left out.

    No text in it can act as a formula in a spreadsheet.
    """
    text = _Rows()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: escape_formula(cell) for key, cell in record.items()} for record in records)
    return text.getvalue()


class _Rows(io.StringIO):
    r"""Ends rows with `\n`. csv quotes a cell with a lone `\r`, a row's end to readers, only if rows end with one."""

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def escape_formula(cell: Any) -> Any:
    """The cell, with `'` before a text that a spreadsheet would take for a formula. Numbers are returned unchanged.

    `'` at a cell's start is what spreadsheets themselves use to mark text.
    """
    if not isinstance(cell, str) or cell[:1] not in _FORMULA_STARTS:
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
