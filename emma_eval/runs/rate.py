"""How fast requests are answered, over the last minute, and when the time left can be told."""

from __future__ import annotations

import time
from collections import deque

WINDOW = 60.0  # seconds that a rate is taken over
SPACING = 0.2  # seconds; what comes closer together comes of one batch, and is one point
LEAST_SECONDS = 1.0  # that a rate needs
LEAST_SHARE, ENOUGH_SECONDS = 0.05, 30.0  # of the work, or of time: before, a first batch would decide the estimate


class RecentRate:
    """Points in time with the number of requests done then. `done` is what earlier sessions have done."""

    def __init__(self, done: int) -> None:
        self._points = deque([(time.monotonic(), done)])

    def update(self, done: int) -> None:
        """So many are done now."""
        now = time.monotonic()
        if len(self._points) > 1 and now - self._points[-2][0] < SPACING:
            self._points[-1] = (now, done)
        else:
            self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] < now - WINDOW:
            self._points.popleft()

    def restart(self, done: int) -> None:
        """Forget the time before: so many are done now."""
        self._points = deque([(time.monotonic(), done)])

    @property
    def seconds(self) -> float:
        """The time that the rate is taken over, to the last point: between two batches it does not fall."""
        return self._points[-1][0] - self._points[0][0]

    @property
    def per_second(self) -> float | None:
        """Requests a second; None while that cannot be told."""
        gained = self._points[-1][1] - self._points[0][1]
        return gained / self.seconds if gained and self.seconds >= LEAST_SECONDS else None


def can_estimate(done: int, total: int, seconds: float) -> bool:
    """Whether so many requests of so many, done in so many seconds, say how long the others take."""
    return done >= LEAST_SHARE * total or seconds >= ENOUGH_SECONDS
