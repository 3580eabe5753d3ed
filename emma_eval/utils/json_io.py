"""Read JSON and JSON lines, plain or gzip, with errors that name file, line and column.

Stricter than the grammar: a key that stands twice in one object is an error, and so are numbers that are not finite
(NaN, Infinity, 1e400).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.utils.file_errors import describe_error
from emma_eval.utils.files import content_hint, read_text
from emma_eval.utils.text import json_type_name


def read_json(path: Path) -> Any:
    """A JSON file's content. Raises UserError naming line and column."""
    return parse_json(read_text(path), path)


def read_json_object(path: Path, keyed_by: str = "") -> dict[str, Any]:
    """A JSON file's content, which must be an object. Raises UserError for anything else.

    `keyed_by` says in the message what the keys are.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        expected = f"a JSON object keyed by {keyed_by}" if keyed_by else "a JSON object"
        raise UserError(f"{path}: {expected} is expected, not {json_type_name(content)}")
    return content


def read_json_lines(path: Path) -> list[Any]:
    """The value on each line; blank lines are skipped. Raises UserError naming the line."""
    lines = enumerate(read_text(path).split("\n"), 1)
    return [parse_json(line, path, number) for number, line in lines if line.strip()]


def read_json_rows(path: Path) -> Any:
    """A JSON file's content; of a `.jsonl` file the list of its lines' values. Raises UserError naming the line."""
    return read_json_lines(path) if ".jsonl" in path.suffixes else read_json(path)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these pairs, for `object_pairs_hook`. Raises ValueError for a key that stands twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {key!r:.80} stands twice in the object that begins {_preview_object(content)}")
    return content


def parse_json(text: str, path: Path, line: int | None = None, *, nan_as_null: bool = False) -> Any:
    """Parse a file's text, or one line of it. Raises UserError naming file, line and column.

    `nan_as_null` reads NaN, as pandas writes an empty cell, as null; Infinity stays an error.
    """

    def constant(name: str) -> None:
        if not (nan_as_null and name == "NaN"):
            raise ValueError(
                f"{name}{_under_key(text, math.isnan if name == 'NaN' else math.isinf)} is not a number that JSON has"
                + "; write null" * (name == "NaN")
            )

    def finite(number: str) -> float:
        if not math.isfinite(value := float(number)):
            raise ValueError(f"the number {number:.40}{_under_key(text, math.isinf)} is too large")
        return value

    try:
        return json.loads(text, object_pairs_hook=unique_keys, parse_constant=constant, parse_float=finite)
    except json.JSONDecodeError as error:
        cut_off = "; the file ends too early" if line is None and error.pos >= len(text.rstrip()) - 1 else ""
        position = f"line {line or error.lineno}, column {error.colno}"
        raise UserError(f"{path}, {position}: not JSON: {error.msg}{cut_off}{content_hint(text)}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        where = "" if line is None else f", line {line}"
        raise UserError(f"{path}{where}: JSON that cannot be read: {_describe_json_error(error)}") from error


def _under_key(text: str, is_wanted: Callable[[float], bool]) -> str:
    """` under the key ...` of the first such number in a JSON text; empty where it is under none."""
    key = _find_key(json.loads(text), is_wanted)
    return f" under the key {key!r:.80}" if key else ""


def _find_key(value: Any, is_wanted: Callable[[float], bool], key: str = "") -> str | None:
    if isinstance(value, float):
        return key if is_wanted(value) else None
    items = (
        value.items() if isinstance(value, dict) else ((key, item) for item in value) if isinstance(value, list) else ()
    )
    return next((found for name, item in items if (found := _find_key(item, is_wanted, name)) is not None), None)


def _describe_json_error(error: Exception) -> str:
    digits = str(error).rpartition("value has ")[2].partition(" digits")[0]
    return f"a number of {digits} digits" if digits.isdecimal() else describe_error(error)


def _preview_object(content: dict[str, Any]) -> str:
    key, value = next(iter(content.items()))
    return f"{{{key!r:.40}: {value!r:.40}"
