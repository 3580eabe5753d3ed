"""Where a task's data are on this machine: found once, then read, hashed and verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.snapshot import Split, is_downloaded, snapshot_splits
from emma_eval.errors import UserError
from emma_eval.registry import look_up
from emma_eval.tasks.reader import Reader, get_reader
from emma_eval.utils.data_roots import register_data_root, require_inside_data_root
from emma_eval.utils.files import find_file
from emma_eval.utils.text import did_you_mean

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


@dataclass(frozen=True, slots=True)
class DataLocation:
    """One task's data: the official files that exist, those that do not, and what `data fetch` has downloaded."""

    task: TaskConfig
    root: Path | None  # the data root, as given
    files: Mapping[str, Path]  # file key -> path that exists
    missing: Mapping[str, str]  # file key -> where it was looked for, for messages
    snapshot: Sequence[Split] = ()  # of the hub's data set, one a configuration; read where files are missing

    @property
    def reader(self) -> Reader:
        """What reads the official files."""
        return get_reader(self.task.reader, self.task.columns)

    def absent_folders(self) -> dict[str, Path]:
        """Image folders that do not exist: file key -> where it would be. Scoring reads samples without them."""
        root, folders = self.root or Path(), self.reader.folders
        return {key: root / self.task.files[key][0] for key in self.missing if key in folders}

    def missing_error(self, keys: Sequence[str]) -> UserError:
        """The error for files that are needed and missing."""
        task = self.task
        where = f"below {self.root}" if self.root else "as no --data ROOT was given"
        source = f"; get them from {task.homepage}" if task.homepage else ""
        if task.hub and task.hub.files:
            source += f" or with `data fetch {task.name}`"
        names = "; ".join(self.missing[key] for key in keys)
        return UserError(f"task {task.name}: data not found {where}: {names} (a .gz twin will do){source}")


def locate_data(task: TaskConfig, root: Path | None, files: Mapping[str, Path] | None = None) -> DataLocation:
    """Find the task's files, those in `files` (key -> path) before those below the root, and its hub snapshot.

    Raises UserError as `locate_files` does, and for a snapshot of which files are missing.
    """
    found, missing = locate_files(task, root, files)
    snapshot = snapshot_splits(root, task.hub) if missing or is_downloaded(root, task.hub, found) else []
    return DataLocation(task, root, found, missing, snapshot)


def locate_files(
    task: TaskConfig, root: Path | None, files: Mapping[str, Path] | None = None
) -> tuple[dict[str, Path], dict[str, str]]:
    """(key -> path that exists, key -> where it was looked for), below the task's suite or else the data root.

    Raises UserError for a root that is no folder, and for a key or path in `files` that does not exist.
    """
    folder = look_up("suites", task.suite)() if task.suite else root
    if folder is not None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder (the data root)")
        register_data_root(folder)
    found = _require_files(task, files or {})
    missing: dict[str, str] = {}
    for key, alternatives in task.files.items():
        if key in found:
            continue
        paths = [find_file(folder / name) for name in alternatives] if folder else []
        path = next(filter(None, paths), None)
        if path:
            require_inside_data_root(path)
            found[key] = path
        else:
            missing[key] = f"{key}: {' or '.join(alternatives)}"
    return found, missing


def _require_files(task: TaskConfig, files: Mapping[str, Path]) -> dict[str, Path]:
    """The files that the caller names, each key and path checked."""
    keys = get_reader(task.reader, task.columns).keys
    found = {}
    for key, path in files.items():
        if key not in keys:
            raise UserError(f"task {task.name} has no file {key!r}{did_you_mean(key, keys)}")
        hit = find_file(path)
        if hit is None:
            raise UserError(f"{path}: no such file (given as {key!r} of task {task.name})")
        found[key] = hit
    return found
