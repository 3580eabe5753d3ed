"""The base of every part of a task file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Immutable; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def as_tuple(value: Any) -> Any:
    """A single text or number as a tuple of one, a list as a tuple; for fields that take either."""
    return (value,) if isinstance(value, str | int) else tuple(value) if isinstance(value, list) else value
