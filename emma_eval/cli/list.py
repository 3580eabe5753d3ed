"""`list tasks|models|groups`: tables of the tasks, models and groups that can be run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("what", nargs="?", choices=("tasks", "models", "groups"), default="tasks")
    add_task_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print one table."""
    from tabulate import tabulate

    rows = {"tasks": _tasks, "models": _models, "groups": _groups}[args.what]()
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


def _models() -> list[tuple[str, ...]]:
    from emma_eval.models import list_models

    return [("MODEL", "WHAT IT IS"), *list_models().items()]


def _groups() -> list[tuple[str, ...]]:
    from emma_eval.tasks.index import task_groups

    return [("GROUP", "TASKS"), *((name, ", ".join(members)) for name, members in task_groups().items())]
