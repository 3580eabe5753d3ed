"""Progress bars on standard error, all by rich.progress, which is imported when the first is drawn."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")


def can_draw_bars() -> bool:
    """Whether standard error is a terminal; elsewhere a command prints plain lines or nothing."""
    return sys.stderr.isatty()


def progress_bars(*columns: ProgressColumn, transient: bool = False) -> Progress:
    """Bars of a description, the bar and further columns; `transient` ones disappear at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    described = TextColumn("{task.description}", markup=False)
    return Progress(described, BarColumn(), *columns, console=Console(stderr=True), transient=transient)


def track(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """The items, with a bar on a terminal meanwhile."""
    if not can_draw_bars():
        yield from items
        return
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    with progress_bars(MofNCompleteColumn(), TimeRemainingColumn(), transient=True) as progress:
        yield from progress.track(items, total=total, description=description)
