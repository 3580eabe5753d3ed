"""Read tab- or comma-separated tables, plain or gzip, and know the cells that pandas takes for none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.files import read_text

LONGEST_CELL = 2**31 - 1  # MMBench keeps a picture in one cell; the most that csv takes on every platform

# The cells that pandas reads as "no value".
PANDAS_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)


def read_table(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of its last line, cells by column) of each row.

    Cells left off at a row's end are empty; cells too many are a list under the empty name. Raises UserError naming
    file and line.
    """
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, restkey="", restval="")
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not a table: {error}") from error
