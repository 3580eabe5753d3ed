"""Read JSON and JSON lines, plain or gzip, with errors that name file, line and column.

What JSON's grammar lets pass and no reader could take rightly is an error too: a key that stands twice in one object,
and numbers that are not finite (NaN, Infinity, 1e400).
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
    """A JSON file that holds an object; `keyed_by` is for the message. Raises UserError for anything else."""
    content = read_json(path)
    if not isinstance(content, dict):
        what = f"a JSON object keyed by {keyed_by}" if keyed_by else "a JSON object"
        raise UserError(f"{path}: {what} is expected, not {json_type_name(content)}")
    return content


def read_json_lines(path: Path) -> list[Any]:
    """One JSON value a line, blank lines left out. Raises UserError naming the line."""
    lines = enumerate(read_text(path).split("\n"), 1)
    return [parse_json(line, path, number) for number, line in lines if line.strip()]


def read_json_rows(path: Path) -> Any:
    """A JSON file's content, or for `.jsonl` the list of its lines' values. Raises UserError naming the line."""
    return read_json_lines(path) if ".jsonl" in path.suffixes else read_json(path)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs. Raises ValueError for a key that stands in it twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {key!r:.80} stands twice in the object that begins {_preview_object(content)}")
    return content


def parse_json(text: str, path: Path, line: int | None = None, *, nan_as_null: bool = False) -> Any:
    """A file's text, or one line of it, as JSON. Raises UserError naming file, line and column.

    `nan_as_null` takes NaN, as pandas writes a cell without a value, for null; Infinity stays an error.
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
        cut = "; the file ends too early" if line is None and error.pos >= len(text.rstrip()) - 1 else ""
        place = f"line {line or error.lineno}, column {error.colno}"
        raise UserError(f"{path}, {place}: not JSON: {error.msg}{cut}{content_hint(text)}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        where = "" if line is None else f", line {line}"
        raise UserError(f"{path}{where}: JSON that cannot be read: {_describe_json_error(error)}") from error


def _under_key(text: str, like: Callable[[float], bool]) -> str:
    """' under the key ...': where the first such number stands in JSON; empty where no key leads to it."""
    key = _find_key(json.loads(text), like)
    return f" under the key {key!r:.80}" if key else ""


def _find_key(value: Any, like: Callable[[float], bool], key: str = "") -> str | None:
    if isinstance(value, float):
        return key if like(value) else None
    items = (
        value.items() if isinstance(value, dict) else ((key, one) for one in value) if isinstance(value, list) else ()
    )
    return next((found for name, one in items if (found := _find_key(one, like, name)) is not None), None)


def _describe_json_error(error: Exception) -> str:
    digits = str(error).rpartition("value has ")[2].partition(" digits")[0]
    return f"a number of {digits} digits" if digits.isdecimal() else describe_error(error)


def _preview_object(content: dict[str, Any]) -> str:
    key, value = next(iter(content.items()))
    return f"{{{key!r:.40}: {value!r:.40}"
