"""A row of an answer file, and its cells as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# What tells a question apart, in the order in which a row with several is read.
ID_KEYS = ("question_id", "questionId", "index", "id", "pid", "Index", "idx", "image_id", "image", "doc_id")


MOST_KEYS = 20  # named in a message


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row under the keys that its format has; `doc` is the benchmark's own row where the file repeats it."""

    place: str  # for messages: `line 3`
    cells: Mapping[str, Any]
    doc: Mapping[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        """The cell, or that of the benchmark's row; None where there is neither."""
        return self.cells[key] if key in self.cells else self.doc.get(key)

    def text(self, key: str) -> str:
        """The cell as text, empty for a list, say."""
        return written(self.get(key)) or ""

    @property
    def name(self) -> str:
        """The row's id as text, empty if it has none."""
        return next((name for key in ID_KEYS if (name := self.number(key))), "")

    def number(self, key: str) -> str:
        """The cell as text, a whole number without the `.0` that pandas writes behind it in a column with gaps."""
        text = self.text(key)
        return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def listed(keys: Iterable[str]) -> str:
    """A row's keys for a message."""
    names = [f"{key!r:.40}" for key in keys]
    return ", ".join(names[:MOST_KEYS]) + (f" and {len(names) - MOST_KEYS} more" if names[MOST_KEYS:] else "") or "none"


def written(value: Any) -> str | None:
    """A text as it is and a number as a spreadsheet would write it, 3 for 3.0; None for anything else, NaN included."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def is_none(value: Any) -> bool:
    """Whether a cell says that there is nothing: null, or the NaN that pandas writes for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))
