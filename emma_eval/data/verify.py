"""`data verify`: a task's data counted, and its files held against the hashes that are known of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.snapshot import repository_folder
from emma_eval.data.loading import fetched_for, load_local, locate_files
from emma_eval.errors import UserError
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def verify(task: TaskConfig, root: Path) -> str:
    """What was checked, in words. Raises UserError for the first thing that is not as it should be."""
    found, missing = locate_files(task, root)
    splits = fetched_for(task, root, found, missing)
    checked = 0
    for split in splits:
        folder = repository_folder(root, split.id)
        for file in split.files:
            if not file.is_intact(folder / file.path):
                raise UserError(
                    f"{folder / file.path} has another hash than the hub tells; delete it and fetch {task.name} again"
                )
            checked += 1
    if not splits:
        checked = _check_files(task, found)
    samples = load_local(task, root)
    hashes = f"{checked:,} {'hash' if checked == 1 else 'hashes'} as known"
    return f"ok: {pluralize(len(samples), 'sample')}, {hashes if checked else 'no hash is known of its files'}"


def _check_files(task: TaskConfig, found: dict[str, Path]) -> int:
    """How many files were held against a hash of the task file. Raises UserError where one differs."""
    known = {key: digest for key, digest in task.expected.sha256.items() if key in found}
    for key, digest in known.items():
        if sha256_of_file(found[key]) != digest:
            raise UserError(f"{found[key]} has another SHA-256 than task {task.name} expects of its {key}")
    return len(known)
