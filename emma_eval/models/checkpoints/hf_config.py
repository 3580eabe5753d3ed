"""Values of a configuration file, of the kind that is asked for or refused by name. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emma_eval.errors import UserError

T = TypeVar("T")
D = TypeVar("D")

MOST = 2**20  # no width, length or vocabulary is larger
MOST_LAYERS = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a file's JSON object says; `path` is for messages. A null is as good as a missing key."""

    path: Path
    raw: Mapping[str, Any]

    def take(self, key: str, kind: type[T], default: D) -> T | D:
        """A key's value, or the default. Raises UserError when it is not of the kind; an integer is a float too."""
        value = self.raw.get(key)
        if value is None:
            return default
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            with suppress(OverflowError):  # of hundreds of digits: it stays an integer, and is refused
                value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UserError(f"{self.path}: {key} must be of type {kind.__name__}, not {value!r:.60}")
        return value

    def number(self, key: str, default: float, *, above: float = -math.inf, most: float) -> float:
        """A finite number in (above, most]. Raises UserError for anything else."""
        value = self.take(key, float, default)
        if not above < value <= most:  # nor is NaN
            raise UserError(f"{self.path}: {key} must be a number above {above:g} and at most {most:g}, not {value}")
        return value

    def count(self, key: str, default: int, most: int = MOST) -> int:
        """A positive integer. Raises UserError for anything else, and for one that no model has."""
        value = self.take(key, int, default)
        if value < 1:
            raise UserError(f"{self.path}: {key} must be positive, not {value}")
        if value > most:
            raise UserError(f"{self.path}: {key} is {float(min(value, 10**300)):g}, more than any model's ({most:,})")
        return value

    def choice(self, key: str, known: Collection[str], default: str) -> str:
        """One of some texts. Raises UserError that names the value and what is known."""
        value = self.take(key, str, default)
        if value not in known:
            raise UserError(f"{self.path}: {key} {value!r:.60} is not supported ({', '.join(known)})")
        return value

    def part(self, key: str) -> Settings:
        """The object under a key, empty where there is none. Raises UserError when it is no object."""
        return Settings(self.path, self.take(key, dict, {}))
