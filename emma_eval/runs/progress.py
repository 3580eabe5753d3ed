"""How far a run is: bars on a terminal, else a plain line every few seconds. Both go to standard error."""

from __future__ import annotations

import sys
import time
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from emma_eval.runs.rate import SPACING, RecentRate, can_estimate
from emma_eval.utils.progress_bars import can_draw_bars, progress_bars
from emma_eval.utils.terminal import paragraph, print_message, terminal_width
from emma_eval.utils.text import format_duration

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 5.0  # between two plain lines
MAX_BARS = 8  # of tasks under way, so that all of them are in sight
ALL = "all"


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
    """Requests done of the whole run or of one task, with the rate of the last minute."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done, self.failed = total, done, 0
        self.rate = RecentRate(done)
        self.seconds = 0.0  # from the beginning to the last answer
        self._done_before, self._started = done, time.monotonic()

    def advance(self, failed: bool) -> None:
        """Count one."""
        self.done += 1
        self.failed += failed
        self.seconds = time.monotonic() - self._started
        self.rate.update(self.done)

    @property
    def counts(self) -> str:
        """'1,200/3,000'."""
        return f"{self.done:,}/{self.total:,}"

    @property
    def speed(self) -> str:
        """'12.5 samples/s', and the failures; empty while neither is known."""
        rate = self.rate.per_second
        parts = (f"{rate:.1f} samples/s" if rate else "", f"{self.failed:,} failed" if self.failed else "")
        return ", ".join(filter(None, parts))

    @property
    def time_left(self) -> str:
        """'14 s left', once enough is done to tell."""
        rate = self.rate.per_second
        this_session, left = self.done - self._done_before, self.total - self.done
        if not (rate and left and can_estimate(this_session, this_session + left, self.seconds)):
            return ""
        return f"{format_duration(left / rate)} left"

    @property
    def line(self) -> str:
        """'120/300, 14 s left, 12.5 samples/s'; at the end '300/300 in 24 s, 12.5 samples/s'."""
        if self.done < self.total:
            return ", ".join(filter(None, (self.counts, self.time_left, self.speed)))
        rate = f"{(self.done - self._done_before) / self.seconds:.1f} samples/s" if self.seconds >= 1 else ""
        failed = f"{self.failed:,} failed" if self.failed else ""
        took = f"{self.counts} in {format_duration(self.seconds)}"
        return ", ".join(filter(None, (took, rate, failed)))


class TaskCounter(RequestCounter):
    """The counter of one task. Tasks are asked side by side, so its time begins with its first answer."""

    def advance(self, failed: bool) -> None:
        """Count one."""
        super().advance(failed)
        if self.seconds - self._first < SPACING:
            self.rate.restart(self.done)

    @cached_property
    def _first(self) -> float:
        return self.seconds

    @property
    def line(self) -> str:
        """'300/300, 12.5 samples/s'."""
        return ", ".join(filter(None, (self.counts, self.speed)))


class ProgressDisplay:
    """A display as a context: `end` is called when the run ends, however it does."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """By default nothing is left to show."""


class Counters(ProgressDisplay):
    """The counters of all tasks and of the whole run, which most displays show."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskCounter] = {}
        self.overall = RequestCounter(0, 0)

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Count on from what earlier sessions left."""
        self.tasks = {task: TaskCounter(total, done) for task, (total, done) in totals.items()}
        total, done = (sum(numbers) for numbers in zip((0, 0), *totals.values(), strict=True))
        self.overall = RequestCounter(total, done)

    def count(self, task: str, failed: bool) -> None:
        """Count one."""
        self.tasks[task].advance(failed)
        self.overall.advance(failed)


class PlainProgress(Counters):
    """A line about the whole run every few seconds, and one at each task's end. Tasks are asked side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._last_line = 0.0  # when it was printed

    def message(self, text: str) -> None:
        """Print a line."""
        print_message(text)

    def advance(self, task: str, failed: bool) -> None:
        """Count, and print if it is time."""
        self.count(task, failed)
        counter = self.tasks[task]
        if counter.done == counter.total:
            self.message(f"{task} {counter.line}")
        if time.monotonic() - self._last_line >= LINE_SECONDS or self.overall.done == self.overall.total:
            self._last_line = time.monotonic()
            self.message(f"all {self.overall.line}")


class BarProgress(Counters):
    """A bar for each task under way and one for the whole run, and one line when they are done."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import TextColumn

        self._bars = progress_bars(
            TextColumn("{task.fields[counts]}"), TextColumn("{task.fields[speed]}"), below=self._line, transient=True
        )
        self._ids: dict[str, TaskID] = {}
        self._shown: set[str] = set()
        self._has_ended = False

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def end(self) -> None:
        """One line in place of the bars."""
        self._bars.stop()
        if not self._has_ended and self.overall.seconds:
            self.message(f"all {self.overall.line}")
        self._has_ended = True

    def _line(self) -> str:
        return ", ".join(filter(None, (self.overall.speed, self.overall.time_left)))

    def message(self, text: str) -> None:
        """Print above the bars, broken between words."""
        for line in paragraph(text, terminal_width(sys.stderr), rest="    "):
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Draw the bars."""
        super().start(totals)
        for name, counter in {**self.tasks, ALL: self.overall}.items():
            self._ids[name] = self._bars.add_task(
                name,
                total=counter.total,
                completed=counter.done,
                counts=counter.counts,
                speed="",
                visible=name == ALL,
            )

    def advance(self, task: str, failed: bool) -> None:
        """Count, and move two bars."""
        self.count(task, failed)
        counter = self.tasks[task]
        if counter.done == counter.total:
            self._shown.discard(task)
        elif len(self._shown) < MAX_BARS:
            self._shown.add(task)
        self._bars.update(
            self._ids[task],
            completed=counter.done,
            counts=counter.counts,
            speed=counter.speed,
            visible=task in self._shown,
        )
        self._bars.update(self._ids[ALL], completed=self.overall.done, counts=self.overall.counts)
        if self.overall.done == self.overall.total:
            self.end()


def progress_for_terminal() -> RunProgress:
    """Bars if standard error is a terminal, else lines."""
    return BarProgress() if can_draw_bars() else PlainProgress()
