"""How many requests are under way: more as long as the server answers, half as many when it is overloaded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Literal

Outcome = Literal["answered", "overloaded", "neither"]
FIRST_LIMIT = 4


class AdaptiveLimit:
    """Additive increase, multiplicative decrease, as TCP does it; for one event loop.

    Until the first overload every answer raises the limit by one (it doubles in a round), later a whole round of
    answers does. A burst of overloads counts once: only requests that began after the last decrease bring another.
    """

    def __init__(self, ceiling: int) -> None:
        self.peak = 0  # most requests that were under way at once
        self._ceiling, self._limit = ceiling, float(min(FIRST_LIMIT, ceiling))
        self._active = self._decreases = 0
        self._resume_at = 0.0  # monotonic seconds
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._limit)

    async def acquire(self) -> int:
        """Wait for a place; the number that is returned, of the decreases before it, goes to `release`."""
        while True:
            pause = self._resume_at - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self._closed or self._active >= self.limit:
                await self._changed.wait()
            else:
                self._active += 1
                self.peak = max(self.peak, self._active)
                return self._decreases

    def release(self, place: int, outcome: Outcome) -> None:
        """Give a place back, with what became of its request."""
        if outcome == "answered" and self._active >= self.limit:  # a limit that is not reached tells nothing
            self._limit = min(self._ceiling, self._limit + (1 / self._limit if self._decreases else 1))
        elif outcome == "overloaded" and place == self._decreases:
            self._limit = max(1.0, self._limit / 2)
            self._decreases += 1
        self._active -= 1
        self._changed.set()  # wakes all that wait; who waits next, waits for the next change
        self._changed = asyncio.Event()

    async def close(self, patience: float) -> None:
        """Give no place any more, and wait until those that were given are back, at most so many seconds."""
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._active:
                    await self._changed.wait()

    def pause(self, seconds: float) -> None:
        """Begin no request for so long, because the server asked for it."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)


class Pace:
    """Spaces requests evenly, so that no more of them or of their tokens come in a minute than are allowed."""

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next = 0.0  # monotonic seconds

    async def turn(self) -> None:
        """Wait until the next request may begin."""
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + self._per_request
        if start > now:
            await asyncio.sleep(start - now)

    def spend(self, tokens: int) -> None:
        """Count the tokens of a reply: those to come wait for them."""
        if self._per_token:
            self._next = max(time.monotonic(), self._next) + tokens * self._per_token
