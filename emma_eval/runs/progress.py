"""How far a run is: bars on a terminal, else a plain line every few seconds. Both go to standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from emma_eval.utils.progress_bars import can_draw_bars, progress_bars
from emma_eval.utils.text import format_duration

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 5.0  # between two plain lines


class RunProgress(Protocol):
    """Shows how far a run is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def message(self, text: str) -> None:
        """Print a line."""
        ...

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Begin with task -> (requests, of which already answered)."""
        ...

    def advance(self, task: str, failed: bool) -> None:
        """Count one more request of the task as answered or failed."""
        ...


class RequestCounter:
    """Requests done of one bar, with the rate of this session and the time left."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done, self.failed = total, done, 0
        self._done_before, self._started = done, time.monotonic()

    def advance(self, failed: bool) -> None:
        """Count one."""
        self.done += 1
        self.failed += failed

    @property
    def line(self) -> str:
        """'120/300, 12.5 samples/s, 14 s left'."""
        return ", ".join(filter(None, (f"{self.done}/{self.total}", self.rate)))

    @property
    def rate(self) -> str:
        """'12.5 samples/s, 14 s left'; the number of failures too, if there are any."""
        elapsed = time.monotonic() - self._started
        rate = (self.done - self._done_before) / elapsed if elapsed > 0 else 0.0
        failed = f"{self.failed} failed" if self.failed else ""
        if not rate:
            return failed
        left = f"{format_duration((self.total - self.done) / rate)} left" if self.done < self.total else ""
        return ", ".join(filter(None, (f"{rate:.1f} samples/s", left, failed)))


class _Counters:
    """The counters of all tasks and of the whole run, which both kinds of display show."""

    def __init__(self) -> None:
        self.tasks: dict[str, RequestCounter] = {}
        self.overall = RequestCounter(0, 0)

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Count on from what earlier sessions left."""
        self.tasks = {task: RequestCounter(total, done) for task, (total, done) in totals.items()}
        total, done = (sum(numbers) for numbers in zip((0, 0), *totals.values(), strict=True))
        self.overall = RequestCounter(total, done)

    def count(self, task: str, failed: bool) -> None:
        """Count one."""
        self.tasks[task].advance(failed)
        self.overall.advance(failed)


class PlainProgress(_Counters):
    """A line about the whole run every few seconds, and one at each task's end. Tasks are asked side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._last_line = 0.0  # when it was printed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def message(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def advance(self, task: str, failed: bool) -> None:
        """Count, and print if it is time."""
        self.count(task, failed)
        counter = self.tasks[task]
        if counter.done == counter.total:
            self.message(f"{task} {counter.line}")
        if time.monotonic() - self._last_line >= LINE_SECONDS or self.overall.done == self.overall.total:
            self._last_line = time.monotonic()
            self.message(f"all {self.overall.line}")


class BarProgress(_Counters):
    """One bar a task and one for the whole run."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import MofNCompleteColumn, TextColumn

        self._bars = progress_bars(MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._ids: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def message(self, text: str) -> None:
        """Print above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Draw the bars."""
        super().start(totals)
        for name, counter in {**self.tasks, "all": self.overall}.items():
            self._ids[name] = self._bars.add_task(name, total=counter.total, completed=counter.done, rate="")

    def advance(self, task: str, failed: bool) -> None:
        """Count, and move two bars."""
        self.count(task, failed)
        for name, counter in ((task, self.tasks[task]), ("all", self.overall)):
            self._bars.update(self._ids[name], completed=counter.done, rate=counter.rate)


def progress_for_terminal() -> RunProgress:
    """Bars if standard error is a terminal, else lines."""
    return BarProgress() if can_draw_bars() else PlainProgress()
