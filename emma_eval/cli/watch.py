"""`watch RUN`: show the progress of a run in another process, until it ends."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

    from emma_eval.runs.monitor import RunMonitor, RunStatus

POLL_SECONDS = 1.0  # between two polls
LINE_SECONDS = 10.0  # between two lines where there is no terminal
EPILOG = """\
example:
  emma-eval watch results/runs/emma-7b-general-0123abcd

It only reads the folder, so it cannot disturb the run.
exit codes: 0 the run is finished (with --once: or running), 1 it ended otherwise, 2 usage error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--once", action="store_true", help="print how far it is now, and end")


def run(args: argparse.Namespace) -> int:
    """Show the run until it ends; 1 if it ended otherwise than finished. Raises UserError if there is no run."""
    from emma_eval.runs.monitor import RunMonitor

    monitor = RunMonitor(args.run)
    status = monitor.poll()
    if args.once or status.state != "running":
        _print(status)
    elif sys.stdout.isatty():
        status = _draw(monitor, status)
    else:
        status = _print_lines(monitor, status)
    if status.state in ("running", "finished"):
        return 0
    print("the command that started it goes on where it stopped")
    return 1


def _draw(monitor: RunMonitor, status: RunStatus) -> RunStatus:
    """Bars that move with each poll, until the run ends."""
    from rich.live import Live

    with Live(render(status), auto_refresh=False) as live:
        while status.state == "running":
            time.sleep(POLL_SECONDS)
            status = monitor.poll()
            live.update(render(status), refresh=True)
    return status


def _print_lines(monitor: RunMonitor, status: RunStatus) -> RunStatus:
    """A line now and then, and the bars at the end."""
    last_line = time.monotonic()
    print(_line(status), flush=True)
    while status.state == "running":
        time.sleep(POLL_SECONDS)
        status = monitor.poll()
        if time.monotonic() - last_line >= LINE_SECONDS:
            last_line = time.monotonic()
            print(_line(status), flush=True)
    _print(status)
    return status


def _print(status: RunStatus) -> None:
    from rich.console import Console

    Console().print(render(status))


def render(status: RunStatus) -> Group:
    """A bar for each task and one for all, below the run's name and state; the rate and the time left below them."""
    from rich.console import Group
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(24),
        TextColumn("{task.completed:,}/{task.total:,}"),
        TextColumn("{task.fields[failed]:,} failed"),
    )
    for name, counts in {**status.tasks, "all": status.overall}.items():
        bars.add_task(name, total=counts.total, completed=counts.done, failed=counts.failed)
    rate = [Text(rate_in_words(status))] if status.rate else []
    return Group(Text(f"{status.model}: {status.state}", "bold"), bars.make_tasks_table(bars.tasks), *rate)


def rate_in_words(status: RunStatus) -> str:
    """'12.5 samples/s, 3 min 05 s left'; empty where it is not known."""
    from emma_eval.utils.text import format_duration

    if status.rate is None or status.seconds_left is None:
        return ""
    return f"{status.rate:.1f} samples/s, {format_duration(status.seconds_left)} left"


def _line(status: RunStatus) -> str:
    counts = status.overall
    failed = f"{counts.failed:,} failed" if counts.failed else ""
    return ", ".join(filter(None, (f"all {counts.done:,}/{counts.total:,}", failed, rate_in_words(status))))
