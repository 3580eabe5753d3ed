"""A lock file: the commit of each hub data set, so that two machines that share the file fetch the same bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.snapshot import snapshot_splits
from emma_eval.errors import UserError
from emma_eval.utils.files import write_atomic
from emma_eval.utils.yaml_io import read_yaml

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

COMMIT = re.compile(r"[0-9a-f]{40}")
HEAD = "# Written by `emma-eval data fetch --lock`, which also keeps to it: the commit of each hub data set.\n"


class LockFile:
    """The commits in a file; none if it does not exist yet."""

    def __init__(self, path: Path) -> None:
        """Raises UserError for a file that holds anything else."""
        self.path = path
        self.commits: dict[str, str] = read_yaml(path) if path.exists() else {}
        for name, commit in self.commits.items():
            if not (isinstance(name, str) and isinstance(commit, str) and COMMIT.fullmatch(commit)):
                raise UserError(f"{path}: {name}: {commit!r} is not a commit of 40 hex digits")

    def pin(self, task: TaskConfig) -> TaskConfig:
        """The task with its data set at the commit that the file has. Raises UserError if the task pins another."""
        if task.hub is None or task.hub.id not in self.commits:
            return task
        commit = self.commits[task.hub.id]
        if task.hub.revision not in (None, commit):
            raise UserError(
                f"{self.path} has {task.hub.id} at commit {commit[:12]}, and the task pins {task.hub.revision[:12]}; "
                f"delete the line, or pin the same in a task file of your own"
            )
        return task.model_copy(update={"hub": task.hub.model_copy(update={"revision": commit})})

    def add(self, task: TaskConfig, root: Path) -> None:
        """Add the commit of the task's data set below the root, if it was downloaded and the file lacks it."""
        for split in snapshot_splits(root, task.hub):
            if split.id not in self.commits:
                self.commits[split.id] = split.revision
                lines = (f"{name}: {commit}\n" for name, commit in sorted(self.commits.items()))
                write_atomic(self.path, HEAD + "".join(lines))
