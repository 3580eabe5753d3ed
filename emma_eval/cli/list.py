"""`list tasks|models|groups`: tables of the tasks, models and groups that can be run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

WIDTH = 80
FOOT = "FOLDER: a checkpoint's folder or hub name (ORG/NAME); see docs/models.md"
HINT = f"{FOOT}\n`list models --long` adds what --model-option takes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("what", nargs="?", choices=("tasks", "models", "groups"), default="tasks")
    parser.add_argument("--long", action="store_true", help="models: with the options that each takes")
    add_task_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print one table."""
    if args.what == "models":
        _print_models(args.long)
        return 0
    from tabulate import tabulate

    rows = {"tasks": _tasks, "groups": _groups}[args.what]()
    print(tabulate(rows, tablefmt="plain", disable_numparse=True))
    return 0


def _tasks() -> list[tuple[str, ...]]:
    from emma_eval.tasks.index import task_names
    from emma_eval.tasks.loading import load_task

    rows: list[tuple[str, ...]] = [("TASK", "TITLE", "SPLIT", "SAMPLES", "METRIC", "PROTOCOLS", "DATA")]
    for task in map(load_task, task_names()):
        default = "*" * (len(task.protocols) > 1)
        protocols = ", ".join(name + default * (name == task.protocol) for name in task.protocols)
        rows.append((task.name, task.title, task.split, task.expected.in_words, task.metric, protocols, _data(task)))
    return rows


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
    print(f"\n{FOOT if with_options else HINT}")


def _print_wrapped(start: str, text: str) -> None:
    indent = " " * max(len(start), 6)
    print("\n".join(wrap(text, WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)))


def _groups() -> list[tuple[str, ...]]:
    from emma_eval.tasks.index import task_groups

    return [("GROUP", "TASKS"), *((name, ", ".join(members)) for name, members in task_groups().items())]
