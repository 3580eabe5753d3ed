"""Find the key whose value broke a reader: Python's TypeError and ValueError do not name it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def row_content(row: Any) -> Any:
    """The row itself, without the number or id that a reader has put before it in a tuple.

    The last element of a JSON list, which is what a file has in a row's place where it is no object.
    """
    if isinstance(row, list) and row:
        row = row[-1]
    while isinstance(row, tuple) and row:
        row = row[-1]
    return row


def keys_with_value(row: Any, value: Any) -> str:
    """`key 'a' or 'b': `, the keys that hold this very object; empty if none does."""
    return _describe_keys(row, lambda item: item is value)


def keys_of_type(row: Any, error: Exception) -> str:
    """`key 'a' or 'b': `, the keys whose values have a type that the error's message names; empty if none has."""
    return _describe_keys(row, lambda item: f"'{type(item).__name__}'" in str(error))


def _describe_keys(row: Any, matches: Callable[[Any], bool]) -> str:
    content = row_content(row)
    pairs = content.items() if isinstance(content, Mapping) else ()
    names = " or ".join(repr(key) for key, cell in pairs if any(map(matches, _values(cell))))
    return f"key {names}: " if names else ""


def _values(cell: Any) -> Iterable[Any]:
    """The cell and, where it is a list or an object, its elements."""
    elements = cell.values() if isinstance(cell, Mapping) else cell if isinstance(cell, list | tuple) else ()
    return (cell, *elements)
