"""Regular expressions from files, run with a time limit: some patterns would never end on some texts."""

from __future__ import annotations

import re
from math import prod
from typing import Any

TIMEOUT_SECONDS = 2.0  # a well-written pattern takes microseconds
MAX_PATTERN_LENGTH = 20_000  # characters, repetitions expanded
_COUNT = re.compile(r"[{,]([0-9]{1,18})(?=[,}])")  # of `x{2}` and `x{2,5}`; a longer number is no count


def require_pattern(pattern: str) -> str:
    """The pattern itself. Raises ValueError for what is none, or too large to be compiled in a moment."""
    import regex

    counts = [int(number) for number in _COUNT.findall(pattern) if int(number)]
    if len(pattern) * prod(counts) > MAX_PATTERN_LENGTH:  # repetitions are written out
        raise ValueError(f"a pattern of more than {MAX_PATTERN_LENGTH:,} characters, its repetitions written out")
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def split(pattern: str, text: str) -> list[str]:
    """The text split at the pattern's matches. Raises ValueError if that takes too long."""
    import regex

    parts: list[str | None] = _timed(regex.split, pattern, text)
    return [part for part in parts if part is not None]


def search(pattern: str, text: str) -> Any:
    """The pattern's first match, None without one. Raises ValueError if finding it takes too long."""
    import regex

    return _timed(regex.search, pattern, text)


def match(pattern: str, text: str) -> Any:
    """The pattern's match at the text's beginning, None without one. Raises ValueError if that takes too long."""
    import regex

    return _timed(regex.match, pattern, text)


def _timed(function: Any, pattern: str, text: str) -> Any:
    try:
        return function(pattern, text, timeout=TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise ValueError(
            f"the pattern {pattern!r:.80} takes more than {TIMEOUT_SECONDS:g} seconds on {text!r:.40}: write it "
            "without repetitions within repetitions"
        ) from error
