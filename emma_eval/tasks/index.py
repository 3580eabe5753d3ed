"""Names of tasks and groups, found by file name alone: no file is parsed until its task is used.

Tasks are in the shipped folder and in those that the user names (`--task-dir`). A name is unique over all of them: two
files of one name are an error, so that none hides another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.tasks.sources import find_source
from emma_eval.utils.files import package_data
from emma_eval.utils.text import closest, did_you_mean

GROUPS_FILE = "groups.yaml"
RENAMED_GROUPS = {"all": "core"}  # old name -> today's
CHANGED_GROUPS = {"hallucination": "pope"}  # name -> what it once held
LISTING = "`emma-eval list tasks` and `list groups` show all"

_extra_folders: ContextVar[tuple[Path, ...]] = ContextVar("_extra_folders", default=())  # the user's, of this thread


@contextmanager
def extra_task_folders(folders: Sequence[Path]) -> Iterator[None]:
    """A context in which the tasks and groups of these folders are known beside the shipped ones.

    Raises UserError for a path that is no folder, and for a name that exists already.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--task-dir {folder}: no such folder")
    token = _extra_folders.set(tuple(dict.fromkeys(folder.resolve() for folder in folders)))
    try:
        if folders:
            task_groups()
        yield
    finally:
        _extra_folders.reset(token)


def tasks_folder() -> Path:
    """The folder of the shipped task files."""
    return package_data("tasks")


def task_files(folder: Path | None = None) -> dict[str, Path]:
    """Name -> file of tasks and bases, in `folder` or else in all known folders.

    Raises UserError when two folders have a file of one name.
    """
    files: dict[str, Path] = {}
    for parent in _folders(folder):
        for path in sorted(parent.glob("*.yaml")):
            if path.name == GROUPS_FILE:
                continue
            if path.stem in files:
                raise UserError(f"{path}: there is a task or base {path.stem!r} already, {files[path.stem]}; rename it")
            files[path.stem] = path
    return files


def task_names(folder: Path | None = None) -> list[str]:
    """Every task's name, sorted. Files that begin with `_` are bases for `extends`, not tasks."""
    return sorted(name for name in task_files(folder) if not name.startswith("_"))


def task_groups(folder: Path | None = None) -> dict[str, list[str]]:
    """Group name -> its tasks in the file's order.

    Raises UserError for a malformed file, an unknown task, or a name that a task or another group has.
    """
    known = task_names(folder)
    groups: dict[str, list[str]] = {}
    for parent in _folders(folder):
        for group, members in _groups_in(parent / GROUPS_FILE, known).items():
            if group in known or group in groups:
                what = f"the task {task_files(folder)[group]}" if group in known else "another group"
                raise UserError(f"{parent / GROUPS_FILE}: group {group!r} has the name of {what}; rename either")
            groups[group] = members
    return groups


def group_remarks(names: Sequence[str], folder: Path | None = None) -> list[str]:
    """A line for each group among the names that is called otherwise today, or holds other tasks than it did."""
    groups = task_groups(folder) if {*RENAMED_GROUPS, *CHANGED_GROUPS} & set(names) else {}
    return [
        f"the group {name} is called {RENAMED_GROUPS[name]} today: {', '.join(groups[RENAMED_GROUPS[name]])}"
        if name in RENAMED_GROUPS
        else f"the group {name} has {', '.join(groups[name])} today; before, it was {CHANGED_GROUPS[name]} alone"
        for name in names
        if (name in RENAMED_GROUPS and name not in groups) or (name in CHANGED_GROUPS and name in groups)
    ]


def expand_tasks(names: Sequence[str], folder: Path | None = None) -> list[str]:
    """Task names, groups replaced by their members, each task once, in the order of first mention.

    Raises UserError for a name that is neither a task nor a group.
    """
    known = set(task_names(folder))
    if old := RENAMED_GROUPS.keys() & set(names) - known:
        old -= task_groups(folder).keys()  # the user's own group may be called so
        names = [RENAMED_GROUPS[name] if name in old else name for name in names]
    own = [name for name in names if not find_source(name)]
    groups = {} if known.issuperset(own) else task_groups(folder)
    if unknown := [name for name in own if name not in known and name not in groups]:
        raise UserError(_unknown(unknown, known | set(groups)))
    expanded: dict[str, None] = {}
    for name in names:
        if source := find_source(name):
            prefix = name.partition(":")[0]
            expanded.update((f"{prefix}:{member}", None) for member in source[0].expand(source[1]))
            continue
        expanded.update(dict.fromkeys([name] if name in known else groups[name]))
    return list(expanded)


def _unknown(names: Sequence[str], known: Iterable[str]) -> str:
    """All of the unknown names, each with the one that is likely meant."""
    if len(names) == 1:
        hint = did_you_mean(names[0], known) or f"; {LISTING}"
        return f"unknown task or group {names[0]!r}{hint}"
    hints = {name: closest(name, known) for name in names}
    told = ", ".join(f"{name!r} (did you mean {hint!r}?)" if hint else repr(name) for name, hint in hints.items())
    return f"unknown tasks or groups: {told}; {LISTING}"


def _folders(folder: Path | None) -> tuple[Path, ...]:
    return (folder,) if folder else (tasks_folder(), *_extra_folders.get())


def _groups_in(path: Path, known: Sequence[str]) -> dict[str, list[str]]:
    """A folder's groups; only the shipped folder must have a groups file."""
    from emma_eval.utils.yaml_io import read_yaml

    if not path.exists() and path.parent != tasks_folder():
        return {}
    groups = read_yaml(path)
    for group, members in groups.items():
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise UserError(f"{path}: key {group!r}: a list of task names is expected")
        for member in members:
            if member not in known:
                raise UserError(f"{path}: key {group!r}: unknown task {member!r}{did_you_mean(member, known)}")
    return groups
