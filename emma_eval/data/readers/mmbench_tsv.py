"""MMBench's official TSV: one row per question, or one per circular pass, with the image as base64 in a column.

Pass r of question i has index i + 1,000,000 r and is asked as the file has it: options rotated by r places, in the
release of 2023-07-12 to the right, and 53 times with the fourth option kept in place and so three passes. Where the
file has one row per question, passes rotate left, as in EMMA's script. Either way there is one sample per question.
An image column may hold another row's index instead of an image.

EMMA's script asks each row of such a file as a question of its own, and rotates it again: ROWS_READER gives one sample
per row.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from emma_eval.data.readers.parsing import rows_to_samples, to_int
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageBytes
from emma_eval.tasks.circular import INDEX_STEP, Choices, rotated_letter, rotations
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.table_io import PANDAS_MISSING, read_table
from emma_eval.utils.text import did_you_mean

LETTERS = "ABCD"
_LONGEST_REFERENCE = 64  # a shorter image cell is an index; VLMEvalKit draws the line here


Rows = Sequence[Row]
FindImage = Callable[[Row], ImageSource]


def _read_files(files: Files, samples: Callable[[object, Rows, FindImage], list[Sample]]) -> list[Sample]:
    path = files["questions"]
    rows = [row for _, row in read_table(path, "\t")]
    images = {row.get("index"): row.get("image") or "" for row in rows}

    def image(row: Row) -> ImageSource:
        cell = row["image"] or ""
        if len(cell) <= _LONGEST_REFERENCE and cell in images:
            cell = images[cell]
        return ImageBytes(f"{path}, index {row['index']}", partial(_decoded, cell))

    return samples(path, rows, image)


def _decoded(cell: str) -> bytes:
    """The bytes of an image cell. Raises ValueError for a reference to no row, and for what is no base64."""
    if len(cell) <= _LONGEST_REFERENCE:
        raise ValueError(f"the cell {cell!r} is no image, and no row with an image has this index")
    try:
        return base64.b64decode("".join(cell.split()), validate=True)
    except ValueError as error:
        raise ValueError(f"the cell {cell!r:.40} is not in base64") from error


def _read_rows(
    source: str, rows: Iterable[Row], samples: Callable[[object, Rows, FindImage], list[Sample]]
) -> list[Sample]:
    def official(row: Row) -> Row:
        """The official row: the hub has null or `nan` for an empty cell, and capitals in one column's name."""
        cells = {key: "" if value is None or value == "nan" else value for key, value in row.items()}
        return {"l2-category": cells.get("L2-category"), **cells}

    return samples(source, [official(row) for row in rows], lambda row: row["image"])


def _row_samples(source: object, rows: Rows, image: FindImage) -> list[Sample]:
    """One sample per row, with the options that EMMA's script sees; meta `question` is the id of the row's question."""

    def sample(row: Row) -> Sample:
        whole = _sample([row], image)
        meta = {key: value for key, value in whole.meta.items() if key != "passes"}
        return replace(whole, meta=meta | {"question": str(int(whole.id) % INDEX_STEP)})

    return rows_to_samples(source, rows, sample)


def _samples(source: object, rows: Rows, image: FindImage) -> list[Sample]:
    questions: dict[int, list[tuple[int, Row]]] = {}
    for row_index, row in enumerate(rows):
        if "index" not in row:
            raise UserError(f"{source}: the column 'index' is missing{did_you_mean('index', map(str, row))}")
        try:
            pass_index, base = divmod(to_int(row, "index"), INDEX_STEP)
        except ValueError as error:
            raise UserError(f"{source}, row {row_index}: {error}") from error
        questions.setdefault(base, []).append((pass_index, row))

    def sample(pass_rows: list[tuple[int, Row]]) -> Sample:
        pass_rows.sort(key=lambda pair: pair[0])
        if [pass_index for pass_index, _ in pass_rows] != list(range(len(pass_rows))):
            raise ValueError(f"the passes of index {pass_rows[0][1]['index']} are not 0, 1, 2, ... once each")
        return _sample([row for _, row in pass_rows], image)

    return rows_to_samples(source, questions.values(), sample)


def _sample(pass_rows: list[Row], image: FindImage) -> Sample:
    """The sample of a question from the rows of its passes, pass 0 first."""
    first = pass_rows[0]
    cells = [first[letter] or "" for letter in LETTERS]
    answer = _answer(first)
    if answer and answer not in LETTERS:
        raise ValueError(f"answer {answer!r} of index {first['index']} is none of {LETTERS}")
    passes = tuple(map(_pass, pass_rows)) if len(pass_rows) > 1 else _rotations(cells, answer)
    options = _leading(cells)
    meta = {"category": first["category"], "l2_category": first.get("l2-category") or "", "split": first.get("split")}
    if passes != _rotations(options, answer):
        meta["passes"] = passes
    return Sample(
        str(to_int(first, "index")),
        first["question"],
        (image(first),),
        (answer,) if answer else (),
        options,
        hint="" if _missing(first.get("hint")) else first["hint"],
        category=first["category"],
        meta=meta,
    )


def _pass(row: Row) -> tuple[Choices, str]:
    return {letter: row[letter] for letter in LETTERS if not _missing(row[letter])}, _answer(row)


def _answer(row: Row) -> str:
    """The right letter; empty in the files of the test split, which have no such column."""
    answer: str = row.get("answer", "") if row.get("split") == "test" else row["answer"]
    return "" if _missing(answer) else answer


def _rotations(cells: Sequence[str], answer: str) -> tuple[tuple[Choices, str], ...]:
    """The options rotated left by one place a pass; texts read as missing are left out of each."""
    count = max((index + 1 for index, cell in enumerate(cells) if cell), default=0)
    passes = []
    for pass_index, rotated in enumerate(rotations(cells[:count])):
        choices = {letter: cell for letter, cell in zip(LETTERS, rotated, strict=False) if not _missing(cell)}
        passes.append((choices, rotated_letter(answer, pass_index, count) if answer else ""))
    return tuple(passes)


def _leading(cells: Sequence[str]) -> tuple[str, ...]:
    """The options that EMMA's and LLaVA's scripts see: those before the first missing one."""
    count = next((i for i, cell in enumerate(cells) if _missing(cell)), len(cells))
    return tuple(cells[:count])


def _missing(cell: str | None) -> bool:
    """Whether pandas reads the cell as missing, or LLaVA's script does, which ignores case."""
    return cell is None or cell in PANDAS_MISSING or cell.lower() in ("nan", "none")


READER = Reader(partial(_read_files, samples=_samples), partial(_read_rows, samples=_samples), required=("questions",))
ROWS_READER = Reader(
    partial(_read_files, samples=_row_samples), partial(_read_rows, samples=_row_samples), required=("questions",)
)
