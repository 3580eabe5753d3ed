"""Which key of a row holds the value that a reader stumbled over: Python's own words for it name none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def content_of(row: Any) -> Any:
    """The row itself, or the last one when it comes in a list or with a number.

    A list behind a number is what the file has in a row's place: a whole JSON array on a line, say.
    """
    if isinstance(row, list) and row:
        row = row[-1]
    while isinstance(row, tuple) and row:
        row = row[-1]
    return row


def keys_with(row: Any, value: Any) -> str:
    """`key 'a' or 'b': ` of the keys that hold this very value; nothing where none does."""
    return _keys(row, lambda one: one is value)


def keys_of_type(row: Any, error: Exception) -> str:
    """The same of the keys whose values are of a type that the error speaks of."""
    return _keys(row, lambda one: f"'{type(one).__name__}'" in str(error))


def _keys(row: Any, fits: Callable[[Any], bool]) -> str:
    content = content_of(row)
    pairs = content.items() if isinstance(content, Mapping) else ()
    names = " or ".join(repr(key) for key, cell in pairs if any(map(fits, _values(cell))))
    return f"key {names}: " if names else ""


def _values(cell: Any) -> Iterable[Any]:
    """The cell and, where it is a list or an object, what is in it."""
    inner = cell.values() if isinstance(cell, Mapping) else cell if isinstance(cell, list | tuple) else ()
    return (cell, *inner)
