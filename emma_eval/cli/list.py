"""`list tasks|models|groups`: what there is to run, without loading anything heavy."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be listed."""
    parser.add_argument("what", nargs="?", choices=("tasks", "models", "groups"), default="tasks")


def run(args: argparse.Namespace) -> int:
    """Print one table."""
    rows = {"tasks": _tasks, "models": _models, "groups": _groups}[args.what]()
    print(_table(rows))
    return 0


def _tasks() -> list[tuple[str, ...]]:
    from emma_eval.task import load_task
    from emma_eval.tasks_index import task_names

    rows: list[tuple[str, ...]] = [("TASK", "TITLE", "SPLIT", "SAMPLES", "METRIC", "PROTOCOLS", "DATA")]
    for task in map(load_task, task_names()):
        protocols = [name + "*" * (name == task.protocol and len(task.protocols) > 1) for name in task.protocols]
        data = [", ".join(task.files)] if task.files else []
        data += [f"hub {task.hub.id}"] if task.hub else []
        samples = " or ".join(f"{n:,}" for n in task.expected.samples)
        names = ", ".join(protocols)
        rows.append(
            (task.name, task.title, task.split, samples, task.metric, names, " | ".join(data) or "comes with a package")
        )
    return rows


def _models() -> list[tuple[str, ...]]:
    from emma_eval.models import list_models

    return [("MODEL", "WHAT IT IS"), *list_models().items()]


def _groups() -> list[tuple[str, ...]]:
    from emma_eval.tasks_index import task_groups

    return [("GROUP", "TASKS"), *((name, ", ".join(members)) for name, members in task_groups().items())]


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
