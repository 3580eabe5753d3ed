"""`list tasks|models|groups`: tables of the tasks, models and groups that can be run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options
from emma_eval.utils.terminal import Column, paragraph, table_lines, terminal_width

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

NO_LIMIT = 10_000  # columns of a file or a pipe
FOOT = "FOLDER: a checkpoint's folder or hub name (ORG/NAME); see docs/models.md"
EPILOG = """\
examples:
  emma-eval list                               every task with its benchmark, samples and metric
  emma-eval list groups                        names that stand for several tasks
  emma-eval list models --long                 what --model takes, with the options of each"""
HINT = "`list models --long` adds what --model-option takes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "what", nargs="?", choices=("tasks", "models", "groups"), default="tasks", help="what is listed (tasks)"
    )
    parser.add_argument("--long", action="store_true", help="tasks: all columns; models: with the options of each")
    add_task_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print one table."""
    if args.what == "models":
        _print_models(args.long)
        return 0
    lines = _groups() if args.what == "groups" else _tasks(everything=args.long)
    print(*lines, sep="\n")
    return 0


def _tasks(*, everything: bool) -> list[str]:
    """A line a task; with `everything` split, protocols and data too, as wide as they are."""
    from emma_eval.tasks.index import task_names
    from emma_eval.tasks.loading import load_task

    tasks = [load_task(name) for name in task_names()]
    if not everything:
        columns = (Column("TASK"), Column("TITLE"), Column("SAMPLES", right=True, drop=1), Column("METRIC", drop=2))
        rows = [(task.name, task.title, task.expected.in_words, task.metric) for task in tasks]
        return table_lines(columns, rows, terminal_width())
    heads = ("TASK", "TITLE", "SPLIT", "SAMPLES", "METRIC", "PROTOCOLS", "DATA")
    details = [
        (task.name, task.title, task.split, task.expected.in_words, task.metric, _protocols(task), _data(task))
        for task in tasks
    ]
    wide = terminal_width() if sys.stdout.isatty() else NO_LIMIT
    return table_lines([Column(head) for head in heads], details, wide)


def _protocols(task: TaskConfig) -> str:
    """Their names, the default one marked where there are several."""
    mark = "*" * (len(task.protocols) > 1)
    return ", ".join(name + mark * (name == task.protocol) for name in task.protocols)


def _data(task: TaskConfig) -> str:
    """What the task needs: file keys below the data root, or a data set on the hub."""
    if task.suite or not task.files:
        return f"shipped suite {task.suite}" if task.suite else "comes with a package"
    return ", ".join(task.files) + (f" | hub {task.hub.id}" if task.hub else "")


def _print_models(with_options: bool) -> None:
    """Every kind of model in a line; with its options, which kinds that follow each other may have in common."""
    from emma_eval.models.kinds import model_kinds

    kinds = list(model_kinds())
    width = max(len(kind.usage) for kind in kinds) + 2
    print("MODEL".ljust(width) + "WHAT IT IS")
    before: Mapping[str, str] = {}
    for options, alike in groupby(kinds, lambda kind: kind.options() if with_options else {}):
        for kind in alike:
            _print_wrapped(kind.usage.ljust(width), kind.line)
        more = before and before.items() <= options.items()
        if more:
            print("    the above, and")
        for option, meaning in options.items():
            if not more or option not in before:
                _print_wrapped(f"    {option}=  ", meaning)
        before = options
    print()
    _print_wrapped("", FOOT)
    if not with_options:
        _print_wrapped("", HINT)


def _print_wrapped(start: str, text: str) -> None:
    print(*paragraph(text, terminal_width(), start, " " * (max(len(start), 6) if start else 0)), sep="\n")


def _groups() -> list[str]:
    from emma_eval.tasks.index import task_groups

    rows = [(name, ", ".join(members)) for name, members in task_groups().items()]
    return table_lines((Column("GROUP"), Column("TASKS", wraps=True)), rows, terminal_width())
