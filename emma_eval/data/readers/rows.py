"""Rows of a data file to Samples, with errors that name the file, the row and the key.

`rows_to_samples` is the one place where a row that does not fit its format becomes a UserError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from emma_eval.data.readers.misfits import content_of, keys_of_type, keys_with
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageBytes
from emma_eval.types import Sample
from emma_eval.utils.text import did_you_mean, json_type_name, preview

_Row = TypeVar("_Row")
_WHOLE = re.compile(r"-?[0-9]{1,4000}(\.0*)?")  # longer ones Python refuses to read
_MISFIT = "a value of another type than the format has"


def part(content: Any, key: str, kind: type, path: Path, default: Any = None) -> Any:
    """`content[key]`, which must be of that kind; `default`, where given, when there is none.

    Raises UserError naming file, key and nearest key.
    """
    if not isinstance(content, dict):
        raise UserError(f"{path}: a JSON object with the key {key!r} is expected")
    if key not in content and default is not None:
        return default
    if key not in content:
        raise UserError(f"{path}: key {key!r} is missing{did_you_mean(key, map(str, content))}")
    if not isinstance(content[key], kind):
        raise UserError(
            f"{path}: key {key!r}: {json_type_name(kind())} is expected, not {json_type_name(content[key])}"
        )
    return content[key]


def rows_to_samples(
    where: object, rows: Iterable[_Row], make: Callable[[_Row], Sample], first: int = 0
) -> list[Sample]:
    """`make` over all rows; `where` and the row's number (counted from `first`) stand in every error.

    Raises UserError when `make` misses a key, meets a wrong type or refuses a value (ValueError).
    """
    samples: list[Sample] = []
    for row in rows:
        try:
            samples.append(_of_texts(make(row), row))
        except KeyError as error:
            key = error.args[0]
            near = did_you_mean(str(key), _keys(row))
            raise UserError(f"{where}, row {first + len(samples)}: key {key!r} is missing{near}") from error
        except (TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            told = error if isinstance(error, ValueError) else wrong_type(row, error)
            raise UserError(f"{where}, row {first + len(samples)}: {told}") from error
    return samples


def whole(row: Mapping[str, Any], key: str) -> int:
    """`row[key]` as a whole number, which pandas may have written as 7.0. Raises ValueError, naming the key."""
    value = row[key]
    text = str(value).strip().removeprefix("+") if isinstance(value, int | float | str) else ""
    if _WHOLE.fullmatch(text):
        return int(text.partition(".")[0])
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise ValueError(f"key {key!r}: a whole number is expected, not {preview(value)}")


def as_text(cell: Any, key: str) -> str:
    """A text, or a number as one. Raises ValueError, naming the key, for null, a list or an object.

    Python would make a text of those too: a question `None`, which a model is asked, or an id that no answer names.
    """
    if cell is None or isinstance(cell, list | tuple | Mapping):
        raise ValueError(f"key {key!r}: a text is expected, not {preview(cell)}")
    return str(cell)


def identity(row: Mapping[str, Any], key: str) -> str:
    """A row's id. Raises ValueError for one that is empty or no text or number."""
    text = part_of_id(row[key], key)
    if not text.strip():
        raise ValueError(f"key {key!r}: an id is expected, not {preview(row[key])}")
    return text


def part_of_id(cell: Any, key: str) -> str:
    """As `as_text`, and 7 for the 7.0 of a column with gaps."""
    return as_text(int(cell) if isinstance(cell, float) and cell.is_integer() else cell, key)


def _of_texts(sample: Sample, row: Any) -> Sample:
    """The sample itself. Raises ValueError where a JSON number, null or list stands in a text's place."""
    values = (sample.id, sample.question, sample.hint, sample.category, *sample.references, *sample.options)
    try:
        "".join(values)
    except TypeError as error:
        misfit = next(value for value in values if not isinstance(value, str))
        raise ValueError(f"{keys_with(row, misfit)}{_MISFIT}: a text is expected, not {preview(misfit)}") from error
    for image in sample.images:
        if not hasattr(image, "open"):
            raise ValueError(f"{keys_with(row, image)}{_MISFIT}: an image is expected, not {json_type_name(image)}")
    return sample


def texts(values: Any, what: str) -> tuple[str, ...]:
    """A JSON list of texts. Raises ValueError, naming what it should be, for anything else."""
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise ValueError(f"{what} must be a list of texts, not {preview(values)}")


def wrong_type(row: Any, error: Exception) -> str:
    """What to say of a row at which a reader met a value of another type than it takes."""
    content = content_of(row)
    if not isinstance(content, Mapping):
        return f"a JSON object is expected, not {json_type_name(content)}"
    return f"{keys_of_type(row, error)}{_MISFIT}"


def _keys(row: Any) -> list[str]:
    content = content_of(row)
    return list(map(str, content)) if isinstance(content, Mapping) else []


def named(image: Any, row: Mapping[str, Any], key: str) -> Any:
    """A row's image under the name that the column gives it: a data set repeats an image with each question."""
    return replace(image, known_as=str(row[key])) if isinstance(image, ImageBytes) and row.get(key) else image


def letter_of(index: int, options: int) -> str:
    """0 -> A, 1 -> B, ... Raises ValueError when the index is none of the options."""
    if not 0 <= index < options:
        raise ValueError(f"answer {index} is none of the {options} options")
    return chr(ord("A") + index)
