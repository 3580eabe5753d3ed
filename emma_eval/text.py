"""Small helpers for text: messages to the user, and what UTF-8 cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


_SURROGATES = re.compile("[\ud800-\udfff]")


def writable(text: str) -> str:
    """The text with U+FFFD for half a surrogate pair, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    return text


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest candidate, or the list of them all when none is near."""
    known = sorted(set(candidates))
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def in_bytes(size: float) -> str:
    """`1.2 GB`, `34.5 MB`, `7.2 kB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1e3:.1f} kB"


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """A plain table: columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def counted(number: int, thing: str) -> str:
    """`1 answer`, `2,000 answers`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def first_line(error: BaseException) -> str:
    """An exception's message without the paragraphs that libraries put behind it."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def in_one_line(error: BaseException) -> str:
    """An exception's whole message, its lines joined."""
    return " ".join(str(error).split()) or type(error).__name__


def first_complaint(error: ValidationError) -> str:
    """The first thing wrong with a file, as 'place: what'; mending it often mends the others."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole file'}: {first['msg'].removeprefix('Value error, ')}"
