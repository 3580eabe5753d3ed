"""Values of a configuration file, of the kind that is asked for or refused by name. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emma_eval.errors import UserError

T = TypeVar("T")
D = TypeVar("D")


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
        if kind is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UserError(f"{self.path}: {key} must be of type {kind.__name__}, not {value!r}")
        return value

    def count(self, key: str, default: int) -> int:
        """A positive integer. Raises UserError for anything else."""
        value = self.take(key, int, default)
        if value < 1:
            raise UserError(f"{self.path}: {key} must be positive, not {value}")
        return value

    def part(self, key: str) -> Settings:
        """The object under a key, empty where there is none. Raises UserError when it is no object."""
        return Settings(self.path, self.take(key, dict, {}))
