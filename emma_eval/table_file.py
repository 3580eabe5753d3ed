"""Read tab- or comma-separated tables, plain or gzip, and know the cells that pandas takes for none."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.files import read_text
from emma_eval.text import counted

LONGEST_CELL = 2**31 - 1  # MMBench keeps a picture in one cell; the most that csv takes on every platform

# The cells that pandas reads as "no value".
PANDAS_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)


def read_table(path: Path, delimiter: str, *, complete: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of its last line, cells by column) of each row.

    Cells left off at a row's end are empty, and a mistake in a table that must be `complete`. Raises UserError naming
    file and line, also for a row with too many cells, a quote that nothing closes and two columns of one name.
    """
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            if header is None:
                header = _header(path, cells)
            elif cells:
                if len(cells) > len(header) or (complete and len(cells) < len(header)):
                    size = f"{counted(len(cells), 'cell')} under {counted(len(header), 'column')}"
                    mend = f"a {_NAMES[delimiter]} or line end within a text needs quotes"
                    raise UserError(f"{path}, line {reader.line_num}: {size}; {mend}")
                yield reader.line_num, dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {start}: not a table: {error}; the row that begins here has a quote that is not closed, "
            "or text behind one"
        ) from error


_NAMES = {",": "comma", "\t": "tab"}


def _header(path: Path, cells: list[str]) -> list[str]:
    doubled = [name for name, count in Counter(cells).items() if count > 1]
    if doubled:
        raise UserError(f"{path}, line 1: two columns are called {doubled[0]!r:.80}")
    return cells
