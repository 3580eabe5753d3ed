"""Read JSON and JSON lines, plain or gzip, with errors that name file, line and column."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.files import read_text


def read_json(path: Path) -> Any:
    """A JSON file's content. Raises UserError naming line and column."""
    return parse_json(read_text(path), path)


def read_object(path: Path, keyed_by: str = "") -> dict[str, Any]:
    """A JSON file that holds an object; `keyed_by` is for the message. Raises UserError for anything else."""
    content = read_json(path)
    if not isinstance(content, dict):
        what = f"a JSON object keyed by {keyed_by}" if keyed_by else "a JSON object"
        raise UserError(f"{path}: {what} is expected, not {type(content).__name__}")
    return content


def read_json_lines(path: Path) -> list[Any]:
    """One JSON value a line, blank lines left out. Raises UserError naming the line."""
    lines = enumerate(read_text(path).split("\n"), 1)
    return [parse_json(line, path, number) for number, line in lines if line.strip()]


def read_json_rows(path: Path) -> Any:
    """A JSON file's content, or for `.jsonl` the list of its lines' values. Raises UserError naming the line."""
    return read_json_lines(path) if ".jsonl" in path.suffixes else read_json(path)


Pairs = Callable[[list[tuple[str, Any]]], Any]


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for `parse_json`. Raises ValueError for a key that stands in it twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {key!r:.80} stands twice in one object")
    return content


def parse_json(text: str, path: Path, line: int | None = None, *, pairs: Pairs | None = None) -> Any:
    """A file's text, or one line of it, as JSON; `pairs` makes its objects. Raises UserError naming file and line."""
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        cut = "; the file ends too early" if line is None and error.pos >= len(text.rstrip()) - 1 else ""
        place = f"line {line or error.lineno}, column {error.colno}"
        raise UserError(f"{path}, {place}: not JSON: {error.msg}{cut}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets nested as deep
        where = "" if line is None else f", line {line}"
        raise UserError(f"{path}{where}: JSON that cannot be read: {error}") from error
