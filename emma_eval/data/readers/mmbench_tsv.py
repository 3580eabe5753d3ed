"""MMBench's official TSV: one row a question, or one row a circular pass, with the image as base64 in a column.

Pass r of question i has index i + 1,000,000 r and is asked as the file has it: options turned by r places, in the
release of 2023-07-12 to the right, and 53 times with the fourth option kept in place and so three passes. Where the
file has one row a question, the passes turn left, as in EMMA's script. Either way there is one sample a base question.
An image column may hold another row's index instead of an image.

EMMA's script asks the rows of such a file as if each were a question, and turns each again: ROWS_READER has a sample a
row.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from emma_eval.data.readers.rows import rows_to_samples, whole
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
Images = Callable[[Row], ImageSource]


def _read_files(files: Files, samples: Callable[[object, Rows, Images], list[Sample]]) -> list[Sample]:
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
    where: str, rows: Iterable[Row], samples: Callable[[object, Rows, Images], list[Sample]]
) -> list[Sample]:
    def plain(row: Row) -> Row:
        """The hub writes an empty cell as null or as the text `nan`, and one column's name in capitals."""
        cells = {key: "" if value is None or value == "nan" else value for key, value in row.items()}
        return {"l2-category": cells.get("L2-category"), **cells}

    return samples(where, [plain(row) for row in rows], lambda row: row["image"])


def _row_samples(where: object, rows: Rows, image: Images) -> list[Sample]:
    """A sample a row, whose options are those that EMMA's script sees; `question` is the row's question."""

    def sample(row: Row) -> Sample:
        one = _sample([row], image)
        meta = {key: value for key, value in one.meta.items() if key != "passes"}
        return replace(one, meta=meta | {"question": str(int(one.id) % INDEX_STEP)})

    return rows_to_samples(where, rows, sample)


def _samples(where: object, rows: Rows, image: Images) -> list[Sample]:
    questions: dict[int, list[tuple[int, Row]]] = {}
    for number, row in enumerate(rows):
        if "index" not in row:
            raise UserError(f"{where}: the column 'index' is missing{did_you_mean('index', map(str, row))}")
        try:
            pass_index, base = divmod(whole(row, "index"), INDEX_STEP)
        except ValueError as error:
            raise UserError(f"{where}, row {number}: {error}") from error
        questions.setdefault(base, []).append((pass_index, row))

    def sample(rounds: list[tuple[int, Row]]) -> Sample:
        rounds.sort(key=lambda pair: pair[0])
        if [pass_index for pass_index, _ in rounds] != list(range(len(rounds))):
            raise ValueError(f"the passes of index {rounds[0][1]['index']} are not 0, 1, 2, ... once each")
        return _sample([row for _, row in rounds], image)

    return rows_to_samples(where, questions.values(), sample)


def _sample(rounds: list[Row], image: Images) -> Sample:
    first = rounds[0]
    cells = [first[letter] or "" for letter in LETTERS]
    answer = _truth(first)
    if answer and answer not in LETTERS:
        raise ValueError(f"answer {answer!r} of index {first['index']} is none of {LETTERS}")
    passes = tuple(map(_pass, rounds)) if len(rounds) > 1 else _rotations(cells, answer)
    options = _leading(cells)
    meta = {"category": first["category"], "l2_category": first.get("l2-category") or "", "split": first.get("split")}
    if passes != _rotations(options, answer):
        meta["passes"] = passes
    return Sample(
        str(whole(first, "index")),
        first["question"],
        (image(first),),
        (answer,) if answer else (),
        options,
        hint="" if _missing(first.get("hint")) else first["hint"],
        category=first["category"],
        meta=meta,
    )


def _pass(row: Row) -> tuple[Choices, str]:
    return {letter: row[letter] for letter in LETTERS if not _missing(row[letter])}, _truth(row)


def _truth(row: Row) -> str:
    """The letter; the files of the test split have no such column."""
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
    """The options as EMMA's and LLaVA's scripts see them: up to the first missing one."""
    count = next((i for i, cell in enumerate(cells) if _missing(cell)), len(cells))
    return tuple(cells[:count])


def _missing(cell: str | None) -> bool:
    """No value for pandas, or one of the words that LLaVA's script takes for none in any case."""
    return cell is None or cell in PANDAS_MISSING or cell.lower() in ("nan", "none")


READER = Reader(partial(_read_files, samples=_samples), partial(_read_rows, samples=_samples), required=("questions",))
ROWS_READER = Reader(
    partial(_read_files, samples=_row_samples), partial(_read_rows, samples=_row_samples), required=("questions",)
)
