"""The shipped task files of today, which measured values are compared with."""

from __future__ import annotations

from functools import cache

from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.index import task_names, tasks_folder
from emma_eval.tasks.loading import load_task


@cache
def shipped_task(name: str) -> TaskConfig | None:
    """The shipped task of that name; None for a task of the user's."""
    folder = tasks_folder()
    return load_task(name, folder) if name in task_names(folder) else None
