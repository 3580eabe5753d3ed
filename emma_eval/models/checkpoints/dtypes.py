"""The names that `--dtype` takes, checked without importing torch."""

from __future__ import annotations

from emma_eval.errors import UserError

DTYPE_NAMES = ("float32", "float16", "bfloat16")


def check_dtype(name: str | None) -> None:
    """Raise UserError for an unknown precision."""
    if name not in (None, "auto", *DTYPE_NAMES):
        raise UserError(f"--dtype: unknown dtype {name!r}; known: auto, {', '.join(DTYPE_NAMES)}")
