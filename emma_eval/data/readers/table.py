"""Rows with a question each, whatever their columns are called: JSON, JSON lines, CSV, TSV, or the hub's.

The task file says what stands in which column (`columns`, see Columns), so that a benchmark of a known kind needs no
reader of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from emma_eval.data.readers.rows import as_text, identity, letter_of, part, part_of_id, rows_to_samples, whole
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.columns import Columns
from emma_eval.tasks.patterns import search, split
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json_rows
from emma_eval.utils.table_io import read_table
from emma_eval.utils.text import did_you_mean, json_type_name, preview

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_FIELD = re.compile(r"\{([^{}]+)\}")
FindImages = Callable[[Row], tuple[ImageSource, ...]]


def reader_of(columns: Columns) -> Reader:
    """The reader of rows with these columns."""
    read_files, read_rows = partial(_read_files, columns), partial(_read_rows, columns)
    return Reader(read_files, read_rows, required=("rows",), folders=("images",))


def _read_files(columns: Columns, files: Files) -> list[Sample]:
    path, folder = files["rows"], files.get("images", Path())

    def find_images(row: Row) -> tuple[ImageSource, ...]:
        names = [_filled(columns.image_name, row)] if columns.image_name else _file_names(columns.images, row)
        return tuple(ImageFile(folder, safe_relative_path(name)) for name in names)

    first = 1 if path.suffix == ".jsonl" or _delimiter(path) else 0
    return _samples(columns, path, _rows(path, columns), find_images, first)


def _read_rows(columns: Columns, where: str, rows: Iterable[Row]) -> list[Sample]:
    return _samples(columns, where, rows, lambda row: tuple(_listed(columns.images, row)), 0)


def _rows(path: Path, columns: Columns) -> Sequence[Row]:
    """The file's rows; those of an object keyed by id get the key as `id`."""
    delimiter = _delimiter(path)
    if delimiter:
        return [row for _, row in read_table(path, delimiter)]
    content = read_json_rows(path)
    if columns.rows:
        content = part(content, columns.rows, list, path)
    if isinstance(content, dict):
        content = [{"id": key, **row} if isinstance(row, dict) else row for key, row in content.items()]
    if not isinstance(content, list):
        raise UserError(f"{path}: a JSON list of rows is expected, not {json_type_name(content)}")
    return content


def _delimiter(path: Path) -> str:
    return next((_DELIMITERS[suffix] for suffix in path.suffixes if suffix in _DELIMITERS), "")


def _samples(columns: Columns, where: object, rows: Iterable[Row], find_images: FindImages, first: int) -> list[Sample]:
    def sample(numbered: tuple[int, Row]) -> Sample:
        number, row = numbered
        images = find_images(row)
        options = _options(columns, row)
        meta = {key: _plain(column, row) for key, column in columns.meta.items()} | {"has_image": bool(images)}
        if columns.group_size:
            place = _whole(columns.row_number, row) - 1 if columns.row_number else number
            meta["pair"] = place // columns.group_size
        return Sample(
            _named(columns.id, row) if columns.id else str(number),
            as_text(_cell(columns.question, row), columns.question) if columns.question else "",
            images,
            _answers(columns, row, options),
            options,
            hint=", ".join(map(str, _listed((columns.hint,), row))) if columns.hint else "",
            category=_category(columns, row),
            meta=meta,
        )

    return rows_to_samples(where, enumerate(rows), sample, first)


def _cell(column: str, row: Row) -> Any:
    """A column's cell. Raises KeyError with the column's name where there is none."""
    if isinstance(row, dict) and column in row:  # nearly always, of hundreds of thousands
        return row[column]
    if not isinstance(row, Mapping):
        raise TypeError(row)
    for name in column.split("|"):
        cell: Any = row
        for key in name.split("."):
            if not isinstance(cell, Mapping) or key not in cell:
                break
            cell = cell[key]
        else:
            return cell
    raise KeyError(column)


def _plain(column: str, row: Row) -> str | float | None:
    """A cell that is no list and no object."""
    cell: str | float | None = _cell(column, row)
    if isinstance(cell, list | Mapping):
        raise ValueError(f"{column} must be a text or a number, not {preview(cell)}")  # noqa: TRY004 (its message is for the user)
    return cell


def _whole(column: str, row: Row) -> int:
    """A cell that is a whole number, or one's text."""
    return whole({column: _cell(column, row)}, column)


def _filled(layout: str, row: Row) -> str:
    return _FIELD.sub(lambda field: part_of_id(_cell(field[1], row), field[1]), layout)


def _named(name: str, row: Row) -> str:
    return _filled(name, row) if "{" in name else identity({name: _cell(name, row)}, name)


def _listed(
    columns: Sequence[str], row: Row, text_lists: Sequence[str] = (), empty: Sequence[str] = ("",)
) -> list[Any]:
    """What the columns hold, lists one by one, empty cells left out; of several columns some may be absent."""
    present = [column for column in columns if len(columns) == 1 or column in row]
    if columns and not present:
        raise KeyError(columns[0])
    values: list[Any] = []
    for column in present:
        cell = _cell(column, row)
        if column in text_lists and isinstance(cell, str) and cell.startswith("["):
            cell = _list_of_text(cell)
        values += cell if isinstance(cell, list | tuple) else [cell]
    return [value for value in values if value is not None and value not in empty]


def _file_names(columns: Sequence[str], row: Row) -> list[str]:
    """As _listed. Raises ValueError for a cell that is no text, as a file's name is."""
    names = _listed(columns, row)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{' or '.join(columns)} must be a file's name, not {preview(name)}")  # noqa: TRY004 (its message is for the user)
    return names


def _list_of_text(text: str) -> list[Any]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        value = None
    if isinstance(value, list):
        return value
    raise ValueError(f"{text!r:.80} is not a list")


def _options(columns: Columns, row: Row) -> tuple[str, ...]:
    """The texts of a row's options. Where cells say that there is none, an empty one is an option without words."""
    cells = _listed(columns.options, row, columns.stringified_lists, columns.no_option or ("",))
    texts = [as_text(cell, " or ".join(columns.options)) for cell in cells]
    if columns.option_regex:
        texts = [text.strip() for whole in texts for text in split(columns.option_regex, whole)[1:]]
    return tuple(text for text in texts if text not in columns.no_option)


def _answers(columns: Columns, row: Row, options: tuple[str, ...]) -> tuple[str, ...]:
    if not columns.answer:
        return ()
    cells = _listed((columns.answer,), row, columns.stringified_lists)
    try:
        return tuple(_answer(columns, cell, options) for cell in cells)
    except ValueError as error:
        raise ValueError(f"{error}{_absent(columns.options, row)}") from error


def _absent(columns: Sequence[str], row: Row) -> str:
    """Which of several columns is not in the row, with the nearest that is: `_listed` takes that for an empty cell."""
    absent = next((column for column in columns if len(columns) > 1 and column not in row), None)
    return "" if absent is None else f", and there is no column {absent!r}{did_you_mean(absent, row)}"


def _answer(columns: Columns, cell: Any, options: tuple[str, ...]) -> str:
    """The truth as text or letter. Raises ValueError for a letter or text that no option has."""
    if columns.answer_is == "index":
        try:
            return letter_of(whole({"": cell}, ""), len(options))
        except ValueError as error:
            raise ValueError(f"answer {preview(cell)} is no number of one of the {len(options)} options") from error
    text = as_text(cell, columns.answer)
    text = columns.answer_map.get(text, text)
    if columns.answer_is == "text":
        return text
    letter = text.strip("(). ").upper()
    if columns.answer_is == "letter" and letter in _letters(len(options)):
        return letter
    if columns.answer_is == "option" and text in options:
        return letter_of(options.index(text), len(options))
    raise ValueError(f"answer {text!r} is none of the {len(options)} options")


@cache
def _letters(options: int) -> tuple[str, ...]:
    return tuple(letter_of(place, options) for place in range(options))


def _category(columns: Columns, row: Row) -> str:
    cell = _cell(columns.category, row) if columns.category else ""
    text = "" if cell is None else as_text(cell, columns.category)
    if not columns.category_regex:
        return text
    match = search(columns.category_regex, text)
    if match is None:
        raise ValueError(f"{columns.category} {text!r} does not tell the category")
    return str(match[1])
