"""`watch RUN`: show the progress of a run in another process, until it ends."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import not_negative
from emma_eval.errors import one_line
from emma_eval.utils.progress_bars import WIDEST, can_draw_bars, description_column
from emma_eval.utils.terminal import terminal_width

if TYPE_CHECKING:
    from rich.console import Console, Group

    from emma_eval.runs.monitor import RunMonitor, RunStatus

POLL_SECONDS = 1.0  # between two polls
LINE_SECONDS = 10.0  # between two lines where there is no terminal
ROWS_BESIDE = 6  # of a terminal, for what stands around the tasks' bars
PORT = 8642
EPILOG = """\
examples:
  emma-eval watch results/runs/emma-7b-general-0123abcd
  emma-eval watch RUN --serve            in a browser; from elsewhere by ssh -L 8642:127.0.0.1:8642

It only reads the folder, so it cannot disturb the run.
exit codes: 0 the run is finished (with --once: or running), 1 it ended otherwise, 2 usage error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--once", action="store_true", help="print how far it is now, and end")
    group.add_argument(
        "--serve",
        nargs="?",
        const=PORT,
        type=not_negative,
        metavar="PORT",
        help=f"show it in a browser too, at http://127.0.0.1:{PORT}/ or another port of this machine (0: any free one)",
    )


def run(args: argparse.Namespace) -> int:
    """Show the run until it ends; 1 if it ended otherwise than finished. Raises UserError if there is no run."""
    if args.serve is None:
        return _watch(args)
    from emma_eval.runs.live_server import serving

    with serving(args.run, args.serve) as address:
        print(f"{address} shows the run until Ctrl-C", flush=True)
        exit_code = _watch(args)
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            Event().wait()  # whoever looks at the page may do so after the end
    return exit_code


def _watch(args: argparse.Namespace) -> int:
    from emma_eval.runs.monitor import RunMonitor

    monitor = RunMonitor(args.run)
    status = monitor.poll()
    if args.once or status.state != "running":
        _print(status)
    elif can_draw_bars(sys.stdout):
        status = _draw(monitor, status)
    else:
        status = _print_lines(monitor, status)
    if status.state in ("running", "finished"):
        return 0
    print("the command that started it goes on where it stopped")
    return 1


def _draw(monitor: RunMonitor, status: RunStatus) -> RunStatus:
    """Bars that move with each poll, until the run ends; then all of them once more."""
    from rich.live import Live

    console = _console()
    rows = max(console.height - ROWS_BESIDE, 1)
    with Live(render(status, rows), console=console, auto_refresh=False, transient=True) as live:
        while status.state == "running":
            time.sleep(POLL_SECONDS)
            status = monitor.poll()
            live.update(render(status, rows), refresh=True)
    _print(status)
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


def _console() -> Console:
    from rich.console import Console

    console = Console()
    console.width = min(terminal_width(), WIDEST)
    return console


def _print(status: RunStatus) -> None:
    _console().print(render(status))


def render(status: RunStatus, rows: int | None = None) -> Group:
    """The run's name and state, a bar for each task and one for all, rate and time left.

    Of more than `rows` tasks, those under way alone have a bar.
    """
    from rich.console import Group
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    bars = Progress(
        description_column(),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:,}/{task.total:,}"),
        TextColumn("{task.fields[failed]}"),
        expand=True,
    )
    tasks = status.tasks
    if rows is not None and len(tasks) > rows:
        under_way = [name for name, counts in tasks.items() if 0 < counts.done < counts.total]
        tasks = {name: tasks[name] for name in under_way[:rows]}
    for name, counts in {**tasks, "all": status.overall}.items():
        failed = f"{counts.failed:,} failed" if counts.failed else ""
        bars.add_task(name, total=counts.total, completed=counts.done, failed=failed)
    begun = sum(counts.done > 0 for counts in status.tasks.values())
    hidden = [f"{begun} of {len(status.tasks)} tasks have begun"] if len(tasks) < len(status.tasks) else []
    lines = [Text(line) for line in (*hidden, rate_in_words(status)) if line]
    return Group(Text(one_line(f"{status.model}: {status.state}"), "bold"), bars.make_tasks_table(bars.tasks), *lines)


def rate_in_words(status: RunStatus) -> str:
    """'12.5 samples/s, 3 min 05 s left'; what is not known is left out."""
    from emma_eval.utils.text import format_duration

    rate = f"{status.rate:.1f} samples/s" if status.rate else ""
    left = f"{format_duration(status.seconds_left)} left" if status.seconds_left is not None else ""
    return ", ".join(filter(None, (rate, left)))


def _line(status: RunStatus) -> str:
    counts = status.overall
    failed = f"{counts.failed:,} failed" if counts.failed else ""
    return ", ".join(filter(None, (f"all {counts.done:,}/{counts.total:,}", failed, rate_in_words(status))))
