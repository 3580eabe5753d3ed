"""What readers share: rows to Samples, typed values of a row, and errors that name file, row and key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from emma_eval.data.readers.error_keys import keys_of_type, keys_with_value, row_content
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageBytes
from emma_eval.types import Sample
from emma_eval.utils.text import MAX_EXACT, did_you_mean, json_type_name, preview

_RowT = TypeVar("_RowT")
_INTEGER = re.compile(r"-?[0-9]{1,4000}(\.0*)?")  # longer ones Python refuses to convert
_WRONG_TYPE = "a value of another type than the format has"


def rows_to_samples(
    source: object, rows: Iterable[_RowT], make: Callable[[_RowT], Sample], first: int = 0
) -> list[Sample]:
    """One sample a row, made by `make`; errors name `source` and the row's number, counted from `first`.

    Raises UserError when `make` raises KeyError, ValueError or a type error, and when a sample's texts are no texts.
    """
    samples: list[Sample] = []
    for row in rows:
        try:
            samples.append(_require_types(make(row), row))
        except KeyError as error:
            key = error.args[0]
            hint = did_you_mean(str(key), _row_keys(row))
            raise UserError(f"{source}, row {first + len(samples)}: key {key!r} is missing{hint}") from error
        except (TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            reason = error if isinstance(error, ValueError) else describe_type_error(row, error)
            raise UserError(f"{source}, row {first + len(samples)}: {reason}") from error
    return samples


def require_key(content: Any, key: str, kind: type, path: Path, default: Any = None) -> Any:
    """`content[key]`, an instance of `kind`; `default`, where given, when the key is absent.

    Raises UserError, naming file, key and nearest key, for content that is no object, an absent key, another type.
    """
    if not isinstance(content, dict):
        raise UserError(f"{path}: a JSON object with the key {key!r} is expected")
    if key not in content and default is not None:
        return default
    if key not in content:
        raise UserError(f"{path}: key {key!r} is missing{did_you_mean(key, map(str, content))}")
    if not isinstance(content[key], kind):
        found, expected = json_type_name(content[key]), json_type_name(kind())
        raise UserError(f"{path}: key {key!r}: {expected} is expected, not {found}")
    return content[key]


def to_int(row: Mapping[str, Any], key: str) -> int:
    """`row[key]` as an integer; 7.0, "7" and "7.0", as pandas may write it, are 7. Raises ValueError naming the key."""
    value = row[key]
    if isinstance(value, float) and value.is_integer():
        return _whole(value, key)
    text = str(value).strip().removeprefix("+") if isinstance(value, int | str) else ""
    if _INTEGER.fullmatch(text):
        return int(text.partition(".")[0])
    if isinstance(value, bool):
        return int(value)
    raise ValueError(f"key {key!r}: a whole number is expected, not {preview(value)}")


def to_text(cell: Any, key: str) -> str:
    """A text, or a number as one. Raises ValueError, naming the key, for null, true, NaN, a list, bytes, a date, ...

    `str` would accept those: a model would be asked the question `None`, and offered the option `b'red'`.
    """
    if isinstance(cell, str):
        return cell
    is_number = isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)
    if not is_number or (not isinstance(cell, int) and not math.isfinite(cell)):
        raise ValueError(f"key {key!r}: a text is expected, not {preview(cell)}")
    return str(cell)


def id_text(cell: Any, key: str) -> str:
    """An id, or a part of one, as text: as `to_text`, and "7" for the 7.0 of a column with gaps."""
    return to_text(_whole(cell, key) if isinstance(cell, float) and cell.is_integer() else cell, key)


def _whole(value: float, key: str) -> int:
    """The whole number that a float stands for. Raises ValueError where two numbers have the same float."""
    if abs(value) > MAX_EXACT:
        raise ValueError(
            f"key {key!r}: {value!r} may have lost digits, as large numbers do in a column with gaps; save it as text"
        )
    return int(value)


def row_id(row: Mapping[str, Any], key: str) -> str:
    """The row's id as text. Raises ValueError, naming the key, for one that is blank, or no text or number."""
    text = id_text(row[key], key)
    if not text.strip():
        raise ValueError(f"key {key!r}: an id is expected, not {preview(row[key])}")
    return text


def string_list(values: Any, name: str) -> tuple[str, ...]:
    """A JSON list of texts. Raises ValueError, with `name` in its message, for anything else."""
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise ValueError(f"{name} must be a list of texts, not {preview(values)}")


def option_letter(index: int, num_options: int) -> str:
    """0 -> A, 1 -> B, ... Raises ValueError for an index beyond the options."""
    if not 0 <= index < num_options:
        raise ValueError(f"answer {index} is none of the {num_options} options")
    return chr(ord("A") + index)


def with_image_name(image: Any, row: Mapping[str, Any], key: str) -> Any:
    """A hub row's image, named by another column: rows that repeat an image then share it."""
    return replace(image, image_name=str(row[key])) if isinstance(image, ImageBytes) and row.get(key) else image


def describe_type_error(row: Any, error: Exception) -> str:
    """The message for a row at which a reader raised TypeError, AttributeError or the like."""
    content = row_content(row)
    if not isinstance(content, Mapping):
        return f"a JSON object is expected, not {json_type_name(content)}"
    return f"{keys_of_type(row, error)}{_WRONG_TYPE}"


def _require_types(sample: Sample, row: Any) -> Sample:
    """The sample itself. Raises ValueError where a number, null or list stands for a text, or no image for one."""
    values = (sample.id, sample.question, sample.hint, sample.category, *sample.references, *sample.options)
    try:
        "".join(values)
    except TypeError as error:
        wrong = next(value for value in values if not isinstance(value, str))
        keys = keys_with_value(row, wrong)
        raise ValueError(f"{keys}{_WRONG_TYPE}: a text is expected, not {preview(wrong)}") from error
    for image in sample.images:
        if not hasattr(image, "open"):
            keys = keys_with_value(row, image)
            raise ValueError(f"{keys}{_WRONG_TYPE}: an image is expected, not {json_type_name(image)}")
    return sample


def _row_keys(row: Any) -> list[str]:
    content = row_content(row)
    return list(map(str, content)) if isinstance(content, Mapping) else []
