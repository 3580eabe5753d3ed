"""Progress of a run in Python: one display that changes in a notebook, what the command shows elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import Any

from emma_eval.errors import one_line
from emma_eval.runs.progress import ALL, Counters, ProgressDisplay, RequestCounter, RunProgress, progress_for_terminal

DISPLAY_SECONDS = 0.5  # between two changes of a notebook's display


def progress_in_python() -> RunProgress:
    """The notebook's display in a notebook, else bars or lines on standard error."""
    return NotebookProgress() if _in_notebook() else progress_for_terminal()


class NoProgress(ProgressDisplay):
    """Shows nothing."""

    def message(self, text: str) -> None:
        """Nothing is shown."""

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Nothing is shown."""

    def advance(self, task: str, failed: bool) -> None:
        """Nothing is shown."""


class NotebookProgress(Counters):
    """The messages, and how far each task and the whole run are, in one output of the cell."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: list[str] = []
        self._display: Any = None
        self._shown = 0.0  # when it was changed

    def end(self) -> None:
        """Show the last state."""
        self._show()

    def message(self, text: str) -> None:
        """Add a line."""
        self._messages.append(text)
        self._show()

    def start(self, totals: dict[str, tuple[int, int]]) -> None:
        """Begin with task -> (requests, of which already answered)."""
        super().start(totals)
        self._show()

    def advance(self, task: str, failed: bool) -> None:
        """Count; show it if it is time."""
        self.count(task, failed)
        if time.monotonic() - self._shown >= DISPLAY_SECONDS:
            self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display

        self._shown = time.monotonic()
        bars = {**self.tasks, ALL: self.overall} if self.tasks else {}
        content = HTML("".join([*map(_line, self._messages), *(_bar(*bar) for bar in bars.items())]))
        if self._display is None:
            self._display = display(content, display_id=True)
        else:
            self._display.update(content)


def _line(text: str) -> str:
    return f"<div>{escape(one_line(text))}</div>"


def _bar(name: str, counter: RequestCounter) -> str:
    bar = f'<progress value="{counter.done}" max="{max(counter.total, 1)}"></progress>'
    return f"<div>{bar} {escape(name)} {escape(counter.line)}</div>"


def _in_notebook() -> bool:
    """Whether cells are run by a Jupyter kernel, which shows HTML; IPython's terminal does not."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return shell is not None and getattr(shell, "kernel", None) is not None
