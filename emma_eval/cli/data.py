"""`data fetch|verify|status [TASK...] --data ROOT`: download benchmarks' data, check them, list them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options, expand_and_tell, require_folder, require_place
from emma_eval.errors import UserError
from emma_eval.utils.terminal import message_lines
from emma_eval.utils.text import format_bytes, pluralize

if TYPE_CHECKING:
    from emma_eval.data.hub.lockfile import LockFile
    from emma_eval.tasks.config import TaskConfig

EPILOG = """\
examples:
  emma-eval data status --data /data/benchmarks              what is there, counted where it is quick
  emma-eval data status pope --data /data/benchmarks         and where to get what is missing of a task
  emma-eval data fetch pope mme --data /data/benchmarks      from the hub; interrupted, the same command goes on
  emma-eval data verify pope --data /data/benchmarks         counts and hashes
  emma-eval data fetch pope --data D --lock hub.lock.yaml    the same commits wherever that file is used"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare action, tasks and data root."""
    parser.epilog = EPILOG
    parser.add_argument("action", choices=("fetch", "verify", "status"), help="what to do")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="tasks or groups (verify, status: those with data)")
    parser.add_argument(
        "--lock", type=Path, metavar="FILE", help="fetch: keep to the commits in this file, and add those it has not"
    )
    add_task_options(parser, data="the folder that holds, or will hold, the data")


def run(args: argparse.Namespace) -> int:
    """Print a line for each task; returns 2 when there is a problem. Raises UserError for an unknown task or folder."""
    from emma_eval.tasks.index import task_names
    from emma_eval.tasks.loading import load_task

    if args.data is None:
        raise UserError("--data ROOT is missing: the folder that holds, or will hold, the data")
    if args.action == "fetch":
        if not args.tasks:
            raise UserError("data fetch: name the tasks or groups to fetch; `data status` lists what is missing")
        _make_folder(args.data)
    elif args.action == "status" and args.lock:
        raise UserError("--lock is for data fetch and data verify")
    else:
        require_folder("--data", args.data)
    tasks = map(load_task, expand_and_tell(args.tasks) if args.tasks else task_names())
    if args.action == "status":
        return _status(tasks, args.data, named=bool(args.tasks))
    lock = _lock(args)
    if args.action == "fetch":
        return _for_each(tasks, args.data, lambda task, root: _fetch(task, root, lock))
    from emma_eval.data.verify import verify

    selected = tasks if args.tasks else _with_data(tasks, args.data)
    return _for_each(selected, args.data, lambda task, root: verify(lock.pin(task) if lock else task, root))


def _lock(args: argparse.Namespace) -> LockFile | None:
    """The file of --lock. Raises UserError where it does not exist, or cannot be written."""
    if args.lock is None:
        return None
    if args.action == "fetch":
        require_place("--lock", args.lock)
    elif not args.lock.is_file():
        raise UserError(f"--lock {args.lock}: no such file; `data fetch --lock` writes it")
    from emma_eval.data.hub.lockfile import LockFile

    return LockFile(args.lock)


def _fetch(task: TaskConfig, root: Path, lock: LockFile | None) -> str:
    """Fetch at the commit of the lock file, which then gets the commit if it had none."""
    from emma_eval.data.fetch import fetch

    if lock is None:
        return fetch(task, root)
    pinned = lock.pin(task)
    outcome = fetch(pinned, root)
    lock.add(pinned, root)
    return outcome


def _make_folder(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UserError(f"--data {root}: there is a file of that name") from error
    except OSError as error:
        raise UserError(f"--data {root}: no folder can be made there: {error.strerror}") from error


def _for_each(tasks: Iterable[TaskConfig], root: Path, work: Callable[[TaskConfig, Path], str]) -> int:
    """Do the work for each task; an error in one does not stop the others. Raises UserError for no task."""
    done = problems = 0
    for task in tasks:
        try:
            outcome = work(task, root)
        except UserError as error:
            problems += 1
            outcome = f"PROBLEM: {str(error).removeprefix(f'task {task.name}: ')}"
        done += 1
        _say(f"{task.name}: {outcome}")
    if not done:
        raise UserError(f"there are no data of any task below {root}; `data status` lists what is missing")
    print(f"{pluralize(done, 'task')}, {pluralize(problems, 'problem') if problems else 'no problems'}")
    return 2 if problems else 0


def _with_data(tasks: Iterable[TaskConfig], root: Path) -> Iterable[TaskConfig]:
    """The tasks of which something of their own is below the root."""
    from emma_eval.data.status import data_status

    return (task for task in tasks if data_status(task, root, count=False).is_installed)


def _status(tasks: Iterable[TaskConfig], root: Path, *, named: bool) -> int:
    """A line a task. Of tasks that the user named also how to get them; of all, those without data in one line."""
    from tabulate import tabulate

    from emma_eval.data.status import DataStatus, data_status

    found: list[tuple[str, DataStatus]] = [(task.name, data_status(task, root)) for task in tasks]
    shown = [(name, status) for name, status in found if named or status.is_installed]
    rows: list[tuple[str, ...]] = [("TASK", "DATA", "SIZE", "SAMPLES", "FROM")]
    for name, status in shown:
        size = format_bytes(status.size) if status.size else ""
        rows.append((name, status.state, size, status.samples, status.source))
    if shown:
        print(tabulate(rows, tablefmt="plain", disable_numparse=True))
    else:
        print(f"there are no data of any task below {root}")
    for name, status in shown:
        for way in status.ways:
            _say(f"{name}: {way}")
    if not named:
        _say(f"shipped: {', '.join(name for name, status in found if status.state == 'shipped')}")
        missing = [name for name, status in found if status.state == "missing"]
        if missing:
            _say(f"missing: {', '.join(missing)}; `data status TASK` says where to get one")
    print(f"{format_bytes(shutil.disk_usage(root).free)} free below {root}")
    return 0


def _say(text: str) -> None:
    print(*message_lines(text), sep="\n", flush=True)
