"""Progress bars on standard error, all by rich.progress, which is imported when the first is drawn."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, TypeVar

from emma_eval.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")
WIDEST = 100  # columns


def can_draw_bars(stream: IO[str] | None = None) -> bool:
    """Whether a stream (standard error) is a terminal that can move its cursor; elsewhere lines are printed."""
    return (stream or sys.stderr).isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def progress_bars(
    *columns: ProgressColumn, below: Callable[[], str] | None = None, transient: bool = False
) -> Progress:
    """Bars of a description, the bar and further columns, over the terminal's width, and a line below them.

    `transient` ones disappear at the end.
    """
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, Progress

    class Bars(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            yield from super().get_renderables()
            if below is not None:
                yield below()

    console = Console(stderr=True)
    console.width = min(console.width, WIDEST)
    return Bars(
        description_column(), BarColumn(bar_width=None), *columns, console=console, transient=transient, expand=True
    )


def description_column() -> ProgressColumn:
    """A bar's description, in which names of files and models cannot move or colour the terminal's writing."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Description(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(one_line(task.description))

    return Description()


def track(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """The items, with a bar on a terminal meanwhile."""
    if not can_draw_bars():
        yield from items
        return
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    with progress_bars(MofNCompleteColumn(), TimeRemainingColumn(), transient=True) as progress:
        yield from progress.track(items, total=total, description=description)
