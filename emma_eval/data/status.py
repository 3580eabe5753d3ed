"""`data status`: which of a task's data are on this machine, their size, and where to get the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emma_eval.data.fetch import can_fetch, manual_download
from emma_eval.data.hub.download import downloaded_bytes
from emma_eval.data.hub.snapshot import configurations, is_downloaded, read_split, repository_folder
from emma_eval.data.location import locate_files

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import HubConfig


class DataStatus(NamedTuple):
    """One task's data."""

    state: str  # shipped, complete, partly or missing
    size: int  # bytes on this machine
    note: str  # where they come from, or how to get them


def data_status(task: TaskConfig, root: Path) -> DataStatus:
    """State and size. Looks at names and sizes only; `check` finds out whether a folder holds every image."""
    if task.suite or not task.files:
        return DataStatus("shipped", 0, "comes with a package")
    files, missing = locate_files(task, root)
    from_hub = is_downloaded(root, task.hub, files)
    size = 0 if from_hub else sum(map(_size, set(files.values())))
    if not missing and not from_hub:
        return DataStatus("complete", size, "official files")
    total, downloaded, commit = _snapshot_size(task.hub, root) if task.hub else (0, 0, "")
    if total and downloaded == total:
        return DataStatus("complete", downloaded, f"from the hub, commit {commit[:12]}")
    ways = [f"data fetch {task.name}"] if can_fetch(task) else []
    state = "partly" if files or downloaded else "missing"
    return DataStatus(state, size + downloaded, ", or ".join([*ways, manual_download(task, root)]))


def _snapshot_size(hub: HubConfig, root: Path) -> tuple[int, int, str]:
    """(bytes of all files, bytes downloaded, commit); a total of 0 while a configuration is not listed."""
    splits = [read_split(root, hub, config) for config in configurations(hub)]
    folder = repository_folder(root, hub.id)
    files = [file for split in splits if split for file in split.files]
    downloaded = sum(downloaded_bytes(folder, file) for file in files)
    total = sum(file.size for file in files) if all(splits) else 0
    return total, downloaded, next((split.revision for split in splits if split), "")


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
