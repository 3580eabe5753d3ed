"""What stands in a file by the standard library's own reading, and whether a result says anything else."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.bad_input.outcome import require

PYTHONS_WORDS = ("None", "nan", "NaN", "True", "False", "inf", "-inf", "Ellipsis")


class UnreadableError(ValueError):
    """The standard library cannot read it either."""


def parse(data: bytes, name: str) -> Any:
    """The content of a JSON file, of JSON lines (a list), of a table (rows of cells) or a text (its lines).

    Raises UnreadableError.
    """
    try:
        text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8-sig")
        stem = name.removesuffix(".gz")
        if stem.endswith(".json"):
            return json.loads(text)
        if stem.endswith(".jsonl"):
            return json_lines(text)
        if stem.endswith((".tsv", ".csv")):
            mark = "\t" if stem.endswith(".tsv") else ","
            return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True) if row]
        return text.splitlines()
    except (ValueError, RecursionError, csv.Error, OSError, EOFError) as error:
        raise UnreadableError(str(error)) from error


def json_lines(text: str) -> list[Any]:
    """The value of every line. Raises ValueError."""
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def rows_of(content: Any) -> dict[Any, Any]:
    """The rows of a file by their place: the items of its largest list or object of objects; all else under one key."""
    holder, place = _largest(content, ())
    if holder is None:
        return {"rest": content}
    pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
    return {"rest": _without(content, place)} | {(place, key): row for key, row in pairs}


def _largest(content: Any, place: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    if isinstance(content, list):
        return content, place
    if not isinstance(content, dict):
        return None, place
    if content and all(isinstance(value, dict) for value in content.values()):
        return content, place
    inner = [(key, value) for key, value in content.items() if isinstance(value, list | dict) and len(value) > 1]
    key, value = max(inner, key=lambda pair: len(pair[1]), default=(None, None))
    return (content, place) if value is None else _largest(value, (*place, key))


def _without(content: Any, place: tuple[Any, ...]) -> Any:
    if not place:
        return None
    return {key: _without(value, place[1:]) if key == place[0] else value for key, value in content.items()}


def changed_rows(before: dict[Any, Any], after: dict[Any, Any]) -> list[Any]:
    """The rows that differ, of both."""
    keys = [key for key in {**before, **after} if not same(before.get(key, ...), after.get(key, ...))]
    return [rows[key] for key in keys for rows in (before, after) if key in rows]


def same(one: Any, other: Any) -> bool:
    """Whether two contents are the same to the type: 1, 1.0 and true differ."""
    return repr(one) == repr(other)


def texts(value: Any) -> Iterator[str]:
    """Every text and number within, keys included, as texts."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(key)
            yield from texts(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from texts(inner)
    elif value is not None:
        yield str(value)


def strings(value: Any) -> Iterator[str]:
    """Every text within that is one by its type."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def require_no_python(before: Any, after: Any, content: Any, what: str) -> None:
    """Raise SilentlyWrongError where a value that is no text became one: the question `None`, the answer `{'a': 1}`.

    `before` and `after` are results, `content` is what the input says.
    """
    new = set(texts(after)) - set(texts(before))
    written = " ".join(strings(content)) if new else ""
    for text in new:
        is_repr = text in PYTHONS_WORDS or text.startswith(("{'", "['", "[None", "[{", "[[", "{}", "[]"))
        require(not is_repr or text in written, f"{what}: a value has become the text {text!r:.80}")
