"""How far a run is: bars where there is a terminal, else a plain line every few seconds. Both go to standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from emma_eval.utils.text import format_duration

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 5.0


class Progress(Protocol):
    """What a run tells as it goes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def message(self, text: str) -> None:
        """Say something once."""
        ...

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Begin with task -> (requests, of which already answered)."""
        ...

    def advance(self, task: str, failed: bool) -> None:
        """One more request of the task is answered, or has failed."""
        ...


class Pace:
    """Counts one bar: how many, how fast in this session, how long to go."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done, self.failed = total, done, 0
        self._before, self._started = done, time.monotonic()

    def advance(self, failed: bool) -> None:
        """Count one."""
        self.done += 1
        self.failed += failed

    @property
    def so_far(self) -> str:
        """'120/300, 12.5 samples/s, 14 s left'."""
        return ", ".join(filter(None, (f"{self.done}/{self.total}", str(self))))

    def __str__(self) -> str:
        elapsed = time.monotonic() - self._started
        rate = (self.done - self._before) / elapsed if elapsed > 0 else 0.0
        failed = f", {self.failed} failed" if self.failed else ""
        if not rate:
            return failed.removeprefix(", ")
        left = f", {format_duration((self.total - self.done) / rate)} left" if self.done < self.total else ""
        return f"{rate:.1f} samples/s{left}{failed}"


class _Counting:
    """The paces of all tasks and of the whole; both kinds of display show these."""

    def __init__(self) -> None:
        self.tasks: dict[str, Pace] = {}
        self.overall = Pace(0, 0)

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Count from what earlier sessions left."""
        self.tasks = {task: Pace(total, done) for task, (total, done) in totals.items()}
        self.overall = Pace(sum(t for t, _ in totals.values()), sum(d for _, d in totals.values()))

    def count(self, task: str, failed: bool) -> None:
        """Count one."""
        self.tasks[task].advance(failed)
        self.overall.advance(failed)


class PlainProgress(_Counting):
    """A line about the whole run every few seconds, and one at each task's end. Tasks are asked side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._told = 0.0

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
        pace = self.tasks[task]
        if pace.done == pace.total:
            self.message(f"{task} {pace.so_far}")
        if time.monotonic() - self._told >= LINE_SECONDS or self.overall.done == self.overall.total:
            self._told = time.monotonic()
            self.message(f"all {self.overall.so_far}")


class BarProgress(_Counting):
    """One bar a task and one for the whole run."""

    def __init__(self) -> None:
        super().__init__()
        import rich.console
        import rich.progress as bars

        self._bars = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[pace]}"),
            console=rich.console.Console(stderr=True),
        )
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
        for name, pace in {**self.tasks, "all": self.overall}.items():
            self._ids[name] = self._bars.add_task(name, total=pace.total, completed=pace.done, pace="")

    def advance(self, task: str, failed: bool) -> None:
        """Count, and move two bars."""
        self.count(task, failed)
        for name, pace in ((task, self.tasks[task]), ("all", self.overall)):
            self._bars.update(self._ids[name], completed=pace.done, pace=str(pace))


def progress_for_terminal() -> Progress:
    """Bars if standard error is a terminal, else lines."""
    return BarProgress() if sys.stderr.isatty() else PlainProgress()
