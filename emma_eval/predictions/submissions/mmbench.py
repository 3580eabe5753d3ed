"""MMBench's test server: an Excel sheet with a row for each pass of each question, with its options in that order.

Columns: index, question, A, B, C, D, prediction; pass r of question i has index i + 1,000,000 r. VLMEvalKit
takes the same table as a TSV.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from emma_eval.data.readers.mmbench_tsv import LETTERS
from emma_eval.errors import UserError
from emma_eval.predictions.submissions.answered_task import AnsweredTask, integer_id
from emma_eval.registry import needs
from emma_eval.tasks.circular import INDEX_STEP, pass_choices

COLUMNS = ("index", "question", *LETTERS, "prediction")
LONGEST_CELL = 32_767  # characters, as Excel has it
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")  # what no Excel file may hold
SheetRow = tuple[int | str, ...]


def require_table(output: Path) -> None:
    """Raise UserError for another name than `.xlsx` or `.tsv`, and if the package for the former is missing."""
    if output.suffix not in {".xlsx", ".tsv"}:
        raise UserError(f"--output {output}: a name that ends in .xlsx (the server's format) or .tsv is expected")
    if output.suffix == ".xlsx" and find_spec("openpyxl") is None:
        raise UserError("Excel files need openpyxl: pip install 'emma-eval[xlsx]'; or name a .tsv file")


@needs(require_table)
def mmbench(task: AnsweredTask) -> str | bytes:
    """The table as `.xlsx` or `.tsv`, as the output's name has it."""
    write = _excel if task.output.suffix == ".xlsx" else _tsv
    return write([COLUMNS, *_rows(task)])


def _rows(task: AnsweredTask) -> Iterator[SheetRow]:
    for sample in task.samples:
        for pass_index, choices in enumerate(pass_choices(sample, circular=True)):
            text = _UNPRINTABLE.sub("", task.text(sample, pass_index))
            index = integer_id(sample) + INDEX_STEP * pass_index
            if len(text) > LONGEST_CELL:
                raise UserError(
                    f"the answer to index {index} has {len(text):,} characters, a cell of Excel takes {LONGEST_CELL:,}"
                )
            yield (index, sample.question, *(choices.get(letter, "") for letter in LETTERS), text)


def _tsv(rows: list[SheetRow]) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
    return file.getvalue()


def _excel(rows: list[SheetRow]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    for row in rows:
        cells = [WriteOnlyCell(sheet, value) for value in row]
        for cell, value in zip(cells, row, strict=True):
            cell.data_type = "s" if isinstance(value, str) else "n"  # else a text that begins with = is a formula
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
