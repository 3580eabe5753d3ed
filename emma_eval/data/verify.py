"""`data verify`: count a task's samples, and compare its files with their known hashes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.snapshot import repository_folder
from emma_eval.data.loading import read_local_samples
from emma_eval.data.location import DataLocation, locate_data
from emma_eval.errors import UserError
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def verify(task: TaskConfig, root: Path) -> str:
    """A line on what was checked. Raises UserError for the first difference."""
    location = locate_data(task, root)
    checked = 0
    for split in location.snapshot:
        folder = repository_folder(root, split.id)
        for file in split.files:
            if not file.has_hash(folder / file.path):
                raise UserError(
                    f"{folder / file.path} has another hash than the hub tells; delete it and fetch {task.name} again"
                )
            checked += 1
    if not location.snapshot:
        checked = _check_files(location)
    samples = read_local_samples(location)
    hashes = f"{checked:,} {'hash' if checked == 1 else 'hashes'} as known"
    return f"ok: {pluralize(len(samples), 'sample')}, {hashes if checked else 'no hash is known of its files'}"


def _check_files(location: DataLocation) -> int:
    """How many files were compared with a hash of the task file. Raises UserError where one differs."""
    task, files = location.task, location.files
    known = {key: digest for key, digest in task.expected.sha256.items() if key in files}
    for key, digest in known.items():
        if sha256_of_file(files[key]) != digest:
            raise UserError(f"{files[key]} has another SHA-256 than task {task.name} expects of its {key}")
    return len(known)
