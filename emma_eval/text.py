"""Small helpers for messages to the user."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest candidate, or the list of them all when none is near."""
    known = sorted(set(candidates))
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def counted(number: int, thing: str) -> str:
    """`1 answer`, `2,000 answers`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"
