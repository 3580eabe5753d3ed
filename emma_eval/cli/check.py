"""`check [TASK...] [--data ROOT]`: task files, data files, counts, ids and pictures, before a long run finds out."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError
from emma_eval.text import counted

if TYPE_CHECKING:
    from emma_eval.task import TaskConfig
    from emma_eval.types import Sample

_STEP = 2000  # pictures between two words of progress
EPILOG = """\
examples:
  emma-eval check                                     the task files, and the data that are shipped
  emma-eval check general pope --data /data/benchmarks    these tasks' data too, every picture included"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare tasks and data root."""
    parser.epilog = EPILOG
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="tasks or groups (default: all)")
    add_task_options(parser, data="folder of the official files; else only shipped data are read")


def run(args: argparse.Namespace) -> int:
    """Print a line a task and a summary; 2 when there is a problem. Raises UserError for an unknown task."""
    from emma_eval.tasks_index import expand_tasks, task_groups, task_names

    if args.data and not args.data.is_dir():
        raise UserError(f"--data {args.data}: no such folder")
    task_groups()
    names = expand_tasks(args.tasks) if args.tasks else task_names()
    problems = 0
    for name in names:
        try:
            outcome = _check(name, args.data, must_exist=bool(args.tasks))
        except UserError as error:
            problems += 1
            outcome = f"PROBLEM: {error}"
        print(f"{name}: {outcome}", flush=True)
    print(f"{counted(len(names), 'task')} checked, {counted(problems, 'problem') if problems else 'no problems'}")
    return 2 if problems else 0


def _check(name: str, data_root: Path | None, must_exist: bool) -> str:
    """What was found. Raises UserError for the first problem."""
    from emma_eval.readers import fetched_for, load_local, locate_files
    from emma_eval.remarks import remarks
    from emma_eval.scorers import get_scorer, require_ready, require_tools
    from emma_eval.task import load_task

    task = load_task(name)
    for protocol in task.protocols.values():
        get_scorer(protocol.scorer, **protocol.options)
    if task.files and data_root is None and task.suite is None:
        return "task file is right (no --data ROOT given: data not checked)"
    found, missing = locate_files(task, data_root)
    if task.files and not must_exist and not (found or fetched_for(task, data_root, found, missing)):
        return f"task file is right (none of its data below {data_root})"
    scoring = task.scorer_config()
    require_tools(scoring.scorer)
    samples = load_local(task, data_root, need_images=True)
    require_ready(scoring.scorer, scoring.options, samples, task.primary_metric())
    _check_ids(task, samples)
    told = f"ok: {counted(len(samples), 'sample')}, {counted(_check_pictures(task, samples), 'picture')}"
    return "\n  note: ".join([told, *remarks(task, samples)])


def _check_ids(task: TaskConfig, samples: Sequence[Sample]) -> None:
    identity, count = Counter(sample.id for sample in samples).most_common(1)[0]
    if count > 1:
        raise UserError(f"task {task.name}: the sample id {identity!r} occurs {count} times")


def _check_pictures(task: TaskConfig, samples: Sequence[Sample]) -> int:
    """How many pictures there are. Raises UserError when some do not exist, as files or in their rows."""
    pictures = {image.label: image for sample in samples for image in sample.images}
    missing = []
    for number, image in enumerate(pictures.values(), 1):
        if not image.exists():
            missing.append(image.label)
        if sys.stderr.isatty() and (number % _STEP == 0 or number == len(pictures)):
            print(f"\r{task.name}: {number:,} of {len(pictures):,} pictures", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty() and pictures:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if missing:
        raise UserError(
            f"task {task.name}: {len(missing):,} of {len(pictures):,} pictures do not exist: {missing[0]}, ..."
        )
    return len(pictures)
