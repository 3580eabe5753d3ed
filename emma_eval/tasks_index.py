"""Which tasks and groups there are, found by file name alone: nothing is parsed until a task is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.files import shipped
from emma_eval.text import did_you_mean

GROUPS_FILE = "groups.yaml"


def tasks_folder() -> Path:
    """The folder of the task files."""
    return shipped("tasks")


def task_names(folder: Path | None = None) -> list[str]:
    """Every task's name, sorted. Files that begin with `_` are bases for `extends`, not tasks."""
    files = (folder or tasks_folder()).glob("*.yaml")
    return sorted(path.stem for path in files if path.name != GROUPS_FILE and not path.name.startswith("_"))


def task_groups(folder: Path | None = None) -> dict[str, list[str]]:
    """Group name -> its tasks in the file's order. Raises UserError for a malformed file or an unknown task."""
    from emma_eval.yaml_file import read_yaml

    path = (folder or tasks_folder()) / GROUPS_FILE
    known = task_names(folder)
    groups = read_yaml(path)
    for group, members in groups.items():
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise UserError(f"{path}: key {group!r}: a list of task names is expected")
        if group in known:
            raise UserError(f"{path}: group {group!r} has the name of a task")
        for member in members:
            if member not in known:
                raise UserError(f"{path}: key {group!r}: unknown task {member!r}{did_you_mean(member, known)}")
    return groups


def expand_tasks(names: Sequence[str], folder: Path | None = None) -> list[str]:
    """Task names, groups replaced by their members, each task once, in the order of first mention.

    Raises UserError for a name that is neither a task nor a group.
    """
    known = set(task_names(folder))
    groups = {} if known.issuperset(names) else task_groups(folder)
    expanded: dict[str, None] = {}
    for name in names:
        if name not in known and name not in groups:
            raise UserError(f"unknown task or group {name!r}{did_you_mean(name, known | set(groups))}")
        expanded.update(dict.fromkeys([name] if name in known else groups[name]))
    return list(expanded)
