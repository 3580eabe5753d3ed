"""A row of an answer file, and its cells as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emma_eval.utils.text import MAX_EXACT

# Keys that may hold a row's id, the first one that is present counts.
ID_KEYS = ("question_id", "questionId", "index", "id", "pid", "Index", "idx", "image_id", "image", "doc_id")

_MOST_KEYS = 20  # in a message


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row, with the keys of its file format; `doc` is the benchmark's own row, where the file repeats it."""

    location: str  # for messages: `line 3`
    cells: Mapping[str, Any]
    doc: Mapping[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        """The cell, else that of the benchmark's row, else None."""
        return self.cells[key] if key in self.cells else self.doc.get(key)

    def text(self, key: str) -> str:
        """The cell as text, empty if it is no text or number."""
        return cell_text(self.get(key)) or ""

    @property
    def id(self) -> str:
        """The row's id as text, empty if it has none."""
        return next((name for key in ID_KEYS if (name := self.id_text(key))), "")

    def id_text(self, key: str) -> str:
        """The cell as text, 7 for the 7.0 that pandas writes in a column with gaps."""
        text = self.text(key)
        return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def format_keys(keys: Iterable[str]) -> str:
    """Keys for a message, the first twenty of them."""
    names = [f"{key!r:.40}" for key in keys]
    more = f" and {len(names) - _MOST_KEYS} more" if len(names) > _MOST_KEYS else ""
    return ", ".join(names[:_MOST_KEYS]) + more or "none"


def cell_text(value: Any) -> str | None:
    """A text as it is, a number as a spreadsheet shows it (3 for 3.0); None for anything else, NaN included."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) <= MAX_EXACT else str(value)
    return str(value)


def is_null(value: Any) -> bool:
    """Whether a cell is null, or the NaN that pandas writes for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))
