"""Rows with one question each and columns of any names: JSON, JSON lines, CSV, TSV, or rows of the hub.

The task file says which column holds what (`columns`, see `Columns`), so that a benchmark needs no reader of its own.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import id_text, option_letter, require_key, row_id, rows_to_samples, to_int, to_text
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.columns import Columns
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json_rows
from emma_eval.utils.patterns import search, split
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
        names = [_fill(columns.image_name, row)] if columns.image_name else _file_names(columns.images, row)
        return tuple(ImageFile(folder, safe_relative_path(name)) for name in names)

    first = 1 if path.suffix == ".jsonl" or _delimiter(path) else 0
    return _samples(columns, path, _rows(path, columns), find_images, first)


def _read_rows(columns: Columns, source: str, rows: Iterable[Row]) -> list[Sample]:
    return _samples(columns, source, rows, lambda row: tuple(_values(columns.images, row)), 0)


def _rows(path: Path, columns: Columns) -> Sequence[Row]:
    """The file's rows; those of an object keyed by id get the key as `id`."""
    delimiter = _delimiter(path)
    if delimiter:
        return [row for _, row in read_table(path, delimiter)]
    content = read_json_rows(path)
    if columns.rows:
        content = require_key(content, columns.rows, list, path)
    if isinstance(content, dict):
        content = [{"id": key, **row} if isinstance(row, dict) else row for key, row in content.items()]
    if not isinstance(content, list):
        raise UserError(f"{path}: a JSON list of rows is expected, not {json_type_name(content)}")
    return content


def _delimiter(path: Path) -> str:
    return next((_DELIMITERS[suffix] for suffix in path.suffixes if suffix in _DELIMITERS), "")


def _samples(
    columns: Columns, source: object, rows: Iterable[Row], find_images: FindImages, first: int
) -> list[Sample]:
    def sample(indexed_row: tuple[int, Row]) -> Sample:
        index, row = indexed_row
        images = find_images(row)
        options = _options(columns, row)
        meta = {key: _scalar(column, row) for key, column in columns.meta.items()} | {"has_image": bool(images)}
        if columns.group_size:
            position = _to_int(columns.row_number, row) - 1 if columns.row_number else index
            meta["pair"] = position // columns.group_size
        return Sample(
            _sample_id(columns.id, row) if columns.id else str(index),
            to_text(_cell(columns.question, row), columns.question) if columns.question else "",
            images,
            _references(columns, row, options),
            options,
            hint=_hint(columns, row),
            category=_category(columns, row),
            meta=meta,
        )

    return rows_to_samples(source, enumerate(rows), sample, first)


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


def _scalar(column: str, row: Row) -> str | float | None:
    """A text, a number, true, false or null."""
    cell: str | float | None = _cell(column, row)
    if not isinstance(cell, str | int | float | None) or (isinstance(cell, float) and not math.isfinite(cell)):
        raise ValueError(f"{column} must be a text or a number, not {preview(cell)}")
    return cell


def _to_int(column: str, row: Row) -> int:
    """A cell as an integer."""
    return to_int({column: _cell(column, row)}, column)


def _fill(layout: str, row: Row) -> str:
    return _FIELD.sub(lambda field: id_text(_cell(field[1], row), field[1]), layout)


def _sample_id(name: str, row: Row) -> str:
    return _fill(name, row) if "{" in name else row_id({name: _cell(name, row)}, name)


def _values(
    columns: Sequence[str], row: Row, stringified_lists: Sequence[str] = (), empty: Sequence[str] = ("",)
) -> list[Any]:
    """The cells of the columns, lists flattened, empty cells left out; of several columns some may be absent."""
    present = [column for column in columns if len(columns) == 1 or column in row]
    if columns and not present:
        raise KeyError(columns[0])
    values: list[Any] = []
    for column in present:
        cell = _cell(column, row)
        if column in stringified_lists and isinstance(cell, str) and cell.startswith("["):
            cell = _parse_list(cell)
        values += cell if isinstance(cell, list | tuple) else [cell]
    return [value for value in values if value is not None and value not in empty]


def _file_names(columns: Sequence[str], row: Row) -> list[str]:
    """As _values. Raises ValueError for a cell that is no text, as a file's name is."""
    names = _values(columns, row)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{' or '.join(columns)} must be a file's name, not {preview(name)}")  # noqa: TRY004 (its message is for the user)
    return names


def _parse_list(text: str) -> list[Any]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        value = None
    if isinstance(value, list):
        return value
    raise ValueError(f"{text!r:.80} is not a list")


def _options(columns: Columns, row: Row) -> tuple[str, ...]:
    """The texts of a row's options. With `no_option` cells, an empty cell is an option without words, else none."""
    cells = _values(columns.options, row, columns.stringified_lists, columns.no_option or ("",))
    texts = [to_text(cell, " or ".join(columns.options)) for cell in cells]
    if columns.option_regex:
        texts = [text.strip() for joined in texts for text in split(columns.option_regex, joined)[1:]]
    return tuple(text for text in texts if text not in columns.no_option)


def _hint(columns: Columns, row: Row) -> str:
    return ", ".join(to_text(cell, columns.hint) for cell in _values((columns.hint,), row)) if columns.hint else ""


def _references(columns: Columns, row: Row, options: tuple[str, ...]) -> tuple[str, ...]:
    if not columns.answer:
        return ()
    cells = _values((columns.answer,), row, columns.stringified_lists)
    try:
        return tuple(_reference(columns, cell, options) for cell in cells)
    except ValueError as error:
        raise ValueError(f"{error}{_absent_column(columns.options, row)}") from error


def _absent_column(columns: Sequence[str], row: Row) -> str:
    """For messages: which of several columns is not in the row; `_values` treats it as an empty cell."""
    absent = next((column for column in columns if len(columns) > 1 and column not in row), None)
    return "" if absent is None else f", and there is no column {absent!r}{did_you_mean(absent, row)}"


def _reference(columns: Columns, cell: Any, options: tuple[str, ...]) -> str:
    """The reference as text or letter. Raises ValueError for a letter or text that no option has."""
    if columns.answer_is == "index":
        try:
            return option_letter(to_int({"": cell}, ""), len(options))
        except ValueError as error:
            raise ValueError(f"answer {preview(cell)} is no number of one of the {len(options)} options") from error
    is_mapped = isinstance(cell, bool) and str(cell) in columns.answer_map
    text = str(cell) if is_mapped else to_text(cell, columns.answer)
    text = columns.answer_map.get(text, text)
    if columns.answer_is == "text":
        return text
    letter = text.strip("(). ").upper()
    if columns.answer_is == "letter" and letter in _letters(len(options)):
        return letter
    if columns.answer_is == "option" and text in options:
        return option_letter(options.index(text), len(options))
    raise ValueError(f"answer {text!r} is none of the {len(options)} options")


@cache
def _letters(num_options: int) -> tuple[str, ...]:
    return tuple(option_letter(index, num_options) for index in range(num_options))


def _category(columns: Columns, row: Row) -> str:
    cell = _cell(columns.category, row) if columns.category else ""
    text = "" if cell is None else str(cell) if isinstance(cell, bool) else to_text(cell, columns.category)
    if not columns.category_regex:
        return text
    match = search(columns.category_regex, text)
    if match is None:
        raise ValueError(f"{columns.category} {text!r} does not tell the category")
    return str(match[1])
