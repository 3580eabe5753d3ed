"""`watch RUN`: how far a run is, seen from another terminal; ends when the run does."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from emma_eval.runs.monitor import Count, View, Watcher

SECONDS = 1.0  # between two looks
LINE_SECONDS = 10.0  # between two lines where there is no terminal
EPILOG = """\
example:
  emma-eval watch results/runs/emma-7b-general-0123abcd

It only reads the folder, so it can't disturb the run.
exit codes: 0 the run is finished (with --once: or going on), 1 it ended otherwise, 2 a mistake to mend"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--once", action="store_true", help="print how far it is now, and end")


def run(args: argparse.Namespace) -> int:
    """Show the run until it ends; 1 if it ended otherwise than finished. Raises UserError if there is no run."""
    from emma_eval.runs.monitor import Watcher

    watcher = Watcher(args.run)
    view = watcher.look()
    if args.once or view.state != "running":
        _print(view)
    elif sys.stdout.isatty():
        view = _live(watcher, view)
    else:
        view = _lines(watcher, view)
    if view.state in ("running", "finished"):
        return 0
    print("the command that started it goes on where it stopped")
    return 1


def _live(watcher: Watcher, view: View) -> View:
    """A table that is drawn again at each look."""
    from rich.live import Live

    with Live(table(view), auto_refresh=False) as live:
        while view.state == "running":
            time.sleep(SECONDS)
            view = watcher.look()
            live.update(table(view), refresh=True)
    return view


def _lines(watcher: Watcher, view: View) -> View:
    """A line now and then, and the table at the end."""
    told = time.monotonic()
    print(_row("all", view.overall, view), flush=True)
    while view.state == "running":
        time.sleep(SECONDS)
        view = watcher.look()
        if time.monotonic() - told >= LINE_SECONDS:
            told = time.monotonic()
            print(_row("all", view.overall, view), flush=True)
    _print(view)
    return view


def _print(view: View) -> None:
    from rich.console import Console

    Console().print(table(view))


def table(view: View) -> Table:
    """Each task's progress, and the whole run's with its rate and the time left."""
    from rich.box import SIMPLE_HEAD
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(f"{view.model}: {view.state}", "bold"), box=SIMPLE_HEAD, title_justify="left")
    shown.add_column("Task")
    shown.add_column("", width=24)
    for head in ("done", "of", "failed"):
        shown.add_column(head, justify="right")
    for name, count in {**view.tasks, "all": view.overall}.items():
        bar = ProgressBar(total=max(count.total, 1), completed=count.done, width=24)
        failed = Text(f"{count.failed:,}", "red" if count.failed else "dim")
        shown.add_row(Text(name), bar, f"{count.done:,}", f"{count.total:,}", failed)
    shown.caption = Text(pace(view))
    shown.caption_justify = "left"
    return shown


def pace(view: View) -> str:
    """'12.5 samples/s, 3 min 05 s left'; empty where it can't be told."""
    from emma_eval.utils.text import format_duration

    if view.rate is None or view.seconds_left is None:
        return ""
    return f"{view.rate:.1f} samples/s, {format_duration(view.seconds_left)} left"


def _row(name: str, count: Count, view: View) -> str:
    failed = f"{count.failed:,} failed" if count.failed else ""
    return ", ".join(filter(None, (f"{name} {count.done:,}/{count.total:,}", failed, pace(view))))
