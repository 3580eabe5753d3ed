"""Small helpers for text: values, numbers and errors in messages to the user, and what UTF-8 cannot hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from emma_eval.errors import one_line

_SURROGATES = re.compile("[\ud800-\udfff]")
_PREVIEW_LENGTH = 80  # characters of a value in a message
VERY_CLOSE = 0.9
CLOSE = 0.65  # of difflib's ratio; `split` and `limit` have 0.6
MOST_LISTED = 20  # names in a message
MAX_EXACT = 2**53  # above it two whole numbers may have the same float


def replace_surrogates(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    return text


def sound(value: Any) -> Any:
    """A text, or a list or mapping with texts, as UTF-8 can hold it; all else as it is."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [sound(item) for item in value]
    return {key: sound(item) for key, item in value.items()} if isinstance(value, dict) else value


def single_spaced(text: str) -> str:
    """The text with one blank for each run of white space, control characters and bidirectional overrides: a cell's."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+", " ", text).strip()


def preview(value: Any) -> str:
    """A value of a data file as JSON, truncated for a message."""
    if isinstance(value, str):
        return f"{value!r:.{_PREVIEW_LENGTH}}"
    try:
        return f"{json.dumps(value, ensure_ascii=False):.{_PREVIEW_LENGTH}}"
    except (TypeError, ValueError, RecursionError):
        return json_type_name(value)


def json_type_name(value: Any) -> str:
    """The type of a value of a data file, in the words of JSON: `a list`."""
    kinds = (
        (bool, "true or false"),
        (int | float, "a number"),
        (Decimal, "a decimal number"),
        (str, "a text"),
        (list | tuple, "a list"),
        (date | time | timedelta, "a date or time"),
    )
    named = next((name for kind, name in kinds if isinstance(value, kind)), None)  # bool first: it is an int, too
    others = {"NoneType": "null", "dict": "an object", "bytes": "bytes"}
    return named or others.get(type(value).__name__, "an image")  # the only other kind that rows of the hub hold


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is likely meant, whatever its case and punctuation; None where none is close.

    In this order: a slip (`pope_minni` is pope_mini, not a longer pope), a name cut short or made longer, the likest.
    """
    known = {_letters(candidate): candidate for candidate in sorted(set(candidates))}
    name = _letters(name)
    shorter_or_longer = [
        other for other in known if len(min(name, other, key=len)) > 2 and _one_begins_the_other(name, other)
    ]
    found = (
        get_close_matches(name, known, n=1, cutoff=VERY_CLOSE)
        or get_close_matches(name, shorter_or_longer, n=1, cutoff=0.0)
        or get_close_matches(name, known, n=1, cutoff=CLOSE)
    )
    return known[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the closest candidate, or `; known: ...` with all when none is close, if not many."""
    known = sorted(set(candidates))
    if (meant := closest(name, known)) is not None:
        return f"; did you mean {meant!r}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= MOST_LISTED else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _one_begins_the_other(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def format_bytes(size: float) -> str:
    """Bytes in powers of ten: `1.2 GB`, `34.5 MB`, `7.2 kB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1e3:.1f} kB"


def pluralize(number: int, thing: str) -> str:
    """`1 answer`, `2,000 answers`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def first_error_line(error: BaseException) -> str:
    """The first line of an exception's message: libraries add paragraphs. The type's name where there is no message."""
    lines = str(error).strip().splitlines()
    return one_line(lines[0].strip()) if lines else type(error).__name__


def error_message(error: BaseException) -> str:
    """An exception's whole message in one line. The type's name where there is no message."""
    return one_line(" ".join(str(error).split())) or type(error).__name__


def format_duration(seconds: float) -> str:
    """'12 s', '3 min 05 s', '2 h 10 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02} min" if hours else f"{minutes} min {seconds_left:02} s"


def slug(text: str) -> str:
    """The text made a part of a file's name."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:40] or "run"
