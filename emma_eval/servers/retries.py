"""How long to wait before a retry: exponential backoff with jitter, and what a server's Retry-After says."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def backoff(attempts: int, first: float, longest: float) -> float:
    """Seconds before the next attempt: `first` doubled for each further one, of which a random half is left out."""
    return min(longest, first * 2.0 ** min(attempts - 1, 30)) * random.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the header Retry-After asks to wait, given as a number or as a date; None without a sound one.

    A date is read by the server's own clock (its header Date), where that is known.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        then, now = _date(text), _date(headers.get("date", "")) or datetime.now(UTC)
        if then is None:
            return None
        seconds = (then - now).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
