"""`data status`: what of a task's data is on this machine, how much it is, and where the rest is to be had."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emma_eval.data.fetch import by_hand, on_hub
from emma_eval.data.hub.download import present
from emma_eval.data.hub.snapshot import brought, configurations, listed_split, repository_folder
from emma_eval.data.location import locate_files

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import HubConfig


class Status(NamedTuple):
    """One task's data."""

    state: str  # shipped, complete, partly or missing
    size: int  # bytes on this machine
    remark: str  # where they are, or what to do


def status(task: TaskConfig, root: Path) -> Status:
    """What is there. Reads names and sizes only; whether a folder holds every image, `check` tells."""
    if task.suite or not task.files:
        return Status("shipped", 0, "comes with a package")
    found, missing = locate_files(task, root)
    from_hub = brought(root, task.hub, found)
    size = 0 if from_hub else sum(map(_size, set(found.values())))
    if not missing and not from_hub:
        return Status("complete", size, "official files")
    wanted, have, commit = _fetched(task.hub, root) if task.hub else (0, 0, "")
    if wanted and have == wanted:
        return Status("complete", have, f"from the hub, commit {commit[:12]}")
    ways = [f"data fetch {task.name}"] if on_hub(task) else []
    state = "partly" if found or have else "missing"
    return Status(state, size + have, ", or ".join([*ways, by_hand(task, root)]))


def _fetched(hub: HubConfig, root: Path) -> tuple[int, int, str]:
    """(bytes of all files listed, bytes that are there, commit); nothing while a configuration is not listed."""
    splits = [listed_split(root, hub, config) for config in configurations(hub)]
    folder = repository_folder(root, hub.id)
    files = [file for split in splits if split for file in split.files]
    have = sum(present(folder, file) for file in files)
    wanted = sum(file.size for file in files) if all(splits) else 0
    return wanted, have, next((split.revision for split in splits if split), "")


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    total, folders = 0, [path]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(Path(entry.path))
                else:
                    total += entry.stat().st_size
    return total
