"""Which key of a row holds the value that a reader stumbled over: Python's own words for it name none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any


def content_of(row: Any) -> Any:
    """The row itself, or the last one when it comes in a list or with a number."""
    while isinstance(row, list | tuple) and row:
        row = row[-1]
    return row


def keys_with(row: Any, value: Any) -> str:
    """`key 'a' or 'b': ` of the keys that hold this very value, alone or in a list; nothing where none does."""
    content = content_of(row)
    pairs = content.items() if isinstance(content, Mapping) else ()
    return _worded(key for key, cell in pairs if any(one is value for one in _values(cell)))


def key_at_fault(row: Any, read: Callable[[Any], object], error: Exception) -> str:
    """`key 'a': ` of the last key that `read` took before it failed and of whose value's type the error speaks."""
    content = content_of(row)
    if not isinstance(content, Mapping):
        return ""
    watched = _Watched(content)
    with suppress(Exception):
        read(_with_content(row, watched))
    fitting = (key for key in reversed(watched.taken) if _speaks_of(error, content.get(key)))
    return _worded(islice(fitting, 1))


def _speaks_of(error: Exception, cell: Any) -> bool:
    return any(type(value).__name__ in str(error) for value in _values(cell))


class _Watched(dict[Any, Any]):
    """A row that knows which keys were taken, in their order."""

    def __init__(self, row: Mapping[Any, Any]) -> None:
        super().__init__(row)
        self.taken: list[Any] = []

    def __getitem__(self, key: Any) -> Any:
        self.taken.append(key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self.taken.append(key)
        return super().get(key, default)


def _with_content(row: Any, content: Any) -> Any:
    """The row with that in place of its content."""
    return type(row)([*row[:-1], _with_content(row[-1], content)]) if isinstance(row, list | tuple) and row else content


def _values(cell: Any) -> Iterable[Any]:
    """The cell and, where it is a list or an object, what is in it."""
    inner = cell.values() if isinstance(cell, Mapping) else cell if isinstance(cell, list | tuple) else ()
    return (cell, *inner)


def _worded(keys: Iterable[Any]) -> str:
    names = " or ".join(map(repr, keys))
    return f"key {names}: " if names else ""
