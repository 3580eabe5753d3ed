"""Reading data files, plain or gzip, with errors that name the file, the row and the key.

`rows_to_samples` is the one place where a row that does not fit its format becomes a UserError.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from emma_eval.errors import UserError
from emma_eval.text import did_you_mean
from emma_eval.types import Sample

_Row = TypeVar("_Row")


def existing(path: Path) -> Path | None:
    """The path itself, its gzip twin `path.gz`, or None when neither exists."""
    twin = path.with_name(path.name + ".gz")
    return path if path.exists() else twin if twin.exists() else None


def read_text(path: Path) -> str:
    """The whole file as UTF-8, decompressed, line ends as they are. Raises UserError naming the file."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text at byte {error.start}") from error
    except EOFError as error:
        raise UserError(f"{path}: the gzip file ends too early; fetch it again") from error
    except (OSError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """A JSON file's content. Raises UserError naming line and column."""
    return parse_json(read_text(path), path)


def read_object(path: Path, keyed_by: str) -> dict[str, Any]:
    """A JSON file that holds an object. Raises UserError for anything else."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: a JSON object keyed by {keyed_by} is expected, not {type(content).__name__}")
    return content


def parse_json(text: str, path: Path, line: int | None = None) -> Any:
    """A file's text, or one line of it, as JSON. Raises UserError naming file, line and column."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = "; the file ends too early" if line is None and error.pos >= len(text.rstrip()) - 1 else ""
        place = f"line {line or error.lineno}, column {error.colno}"
        raise UserError(f"{path}, {place}: not JSON: {error.msg}{cut}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets nested as deep
        where = "" if line is None else f", line {line}"
        raise UserError(f"{path}{where}: JSON that cannot be read: {error}") from error


def read_json_lines(path: Path) -> list[Any]:
    """One JSON value a line, blank lines left out. Raises UserError naming the line."""
    lines = enumerate(read_text(path).split("\n"), 1)
    return [parse_json(line, path, number) for number, line in lines if line.strip()]


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
        raise UserError(f"{path}: key {key!r}: a {kind.__name__} is expected")
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
            samples.append(make(row))
        except KeyError as error:
            key = error.args[0]
            near = did_you_mean(str(key), _keys(row))
            raise UserError(f"{where}, row {first + len(samples)}: key {key!r} is missing{near}") from error
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            told = error if isinstance(error, ValueError) else _wrong_type(row, error)
            raise UserError(f"{where}, row {first + len(samples)}: {told}") from error
    return samples


def _wrong_type(row: Any, error: Exception) -> str:
    content = _content(row)
    if not isinstance(content, Mapping):
        return f"a JSON object is expected, not {type(content).__name__}"
    return f"a value of another type than the format has: {error}"


def _keys(row: Any) -> list[str]:
    content = _content(row)
    return list(map(str, content)) if isinstance(content, Mapping) else []


def _content(row: Any) -> Any:
    """The row itself, or the last one when it comes in a list or with a number."""
    while isinstance(row, list | tuple) and row:
        row = row[-1]
    return row


def inside(name: str) -> str:
    """A file name from the data, which must stay in its folder. Raises ValueError for `../x` or an absolute path."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"the file name {name!r} leads out of its folder")
    return name


def letter_of(index: int, options: int) -> str:
    """0 -> A, 1 -> B, ... Raises ValueError when the index is none of the options."""
    if not 0 <= index < options:
        raise ValueError(f"answer {index} is none of the {options} options")
    return chr(ord("A") + index)
