"""`data fetch`: a task's data set from the hub to below a data root, where `run` finds it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.download import download, present
from emma_eval.data.hub.listing import list_split
from emma_eval.data.hub.snapshot import Split, brought, configurations, listed_split, repository_folder, split_file
from emma_eval.data.loading import load_samples, row_reader
from emma_eval.data.location import locate_files
from emma_eval.errors import UserError
from emma_eval.utils.files import lock, open_output, write_atomic
from emma_eval.utils.hub import require_hub_reachable
from emma_eval.utils.text import format_bytes, pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def fetch(task: TaskConfig, root: Path) -> str:
    """Fetch what is missing, check and count it; what was done, in one line.

    A list of files that was made before is kept to, so that a later attempt goes on with the same commit. Raises
    UserError when the task is not on the hub, the hub is out of reach, the disk too small, or the data not as expected.
    """
    if task.suite or not task.files:
        return "comes with a package: nothing to fetch"
    found, absent = locate_files(task, root)
    if not absent and not brought(root, task.hub, found):
        return "its official files are there: nothing to fetch"
    if task.hub is None or not on_hub(task):
        raise UserError(f"not on the hub: {by_hand(task, root)}")
    splits = [
        listed_split(root, task.hub, config) or _newly_listed(root, task, config) for config in configurations(task.hub)
    ]
    folder = repository_folder(root, task.hub.id)
    missing = sum(len(split.missing(folder)) for split in splits)
    if missing:
        require_hub_reachable()
        _require_space(root, folder, splits)
        with _alone_in(folder):
            _download(task.name, folder, splits)
    samples = load_samples(task, root)
    size = format_bytes(sum(file.size for split in splits for file in split.files))
    what = f"{pluralize(missing, 'file')} fetched" if missing else "there already"
    return f"{what}: {pluralize(len(samples), 'sample')}, {size}, {task.hub.id} at commit {splits[0].revision[:12]}"


def on_hub(task: TaskConfig) -> bool:
    """Whether `fetch` can download it."""
    return row_reader(task) is not None or bool(task.hub and task.hub.files)


def by_hand(task: TaskConfig, root: Path | None) -> str:
    """Which files are missing and where they come from, in words."""
    _, missing = locate_files(task, root)
    source = f"from {task.homepage} " if task.homepage else ""
    return f"get by hand {source}and put below {root or 'ROOT'}: {'; '.join(missing.values())}"


def _newly_listed(root: Path, task: TaskConfig, config: str | None) -> Split:
    """The list of a split's files, written down; files of another commit are deleted."""
    assert task.hub is not None
    split = list_split(task.hub, config)
    folder = repository_folder(root, split.id)
    for file in split.files:
        if file.is_whole(folder) and not file.is_intact(folder / file.path):
            (folder / file.path).unlink()
    path = split_file(root, task.hub, config)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, split.model_dump_json(indent=1) + "\n")
    return split


def _require_space(root: Path, folder: Path, splits: Sequence[Split]) -> None:
    """Raise UserError unless there is room for what is to come, and for the copy that `datasets` reads from."""
    to_come = sum(file.size - present(folder, file) for split in splits for file in split.files)
    copy = sum(file.size for split in splits if split.builder for file in split.files)
    free = shutil.disk_usage(root).free
    if to_come + copy > free:
        raise UserError(
            f"{format_bytes(to_come + copy)} are needed below {root} ({format_bytes(to_come)} to come, "
            f"{format_bytes(copy)} for a copy that is fast to read) and {format_bytes(free)} are free; "
            "nothing was downloaded"
        )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from writing the same files. Raises UserError while one does."""
    with open_output(folder / ".splits" / "fetching", "a") as file:
        if not lock(file, wait=False):
            raise UserError(f"another `data fetch` is at work in {folder}; wait until it has ended")
        yield


def _download(name: str, folder: Path, splits: Sequence[Split]) -> None:
    wanted = [(split, file) for split in splits for file in split.files if not file.is_whole(folder)]
    progress = _Progress(name, len(wanted), sum(file.size - present(folder, file) for _, file in wanted))
    for number, (split, file) in enumerate(wanted, 1):
        progress.begin(number, file.path)
        download(split, file, folder, progress.add)
    progress.end()


class _Progress:
    """How far the download is: one line that is written over on a terminal, else a line a file."""

    def __init__(self, name: str, files: int, total: int) -> None:
        self.name, self.files, self.total = name, files, total
        self.bytes, self.started, self.file = 0, time.monotonic(), ""

    def begin(self, number: int, path: str) -> None:
        self.file = f"file {number} of {self.files}, {path}"
        if not sys.stderr.isatty():
            print(f"{self.name}: {self._far()}", file=sys.stderr, flush=True)

    def add(self, size: int) -> None:
        self.bytes += size
        if sys.stderr.isatty():
            speed = self.bytes / max(time.monotonic() - self.started, 1e-9)
            print(f"\r\033[K{self.name}: {self._far()}, {format_bytes(speed)}/s", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _far(self) -> str:
        return f"{self.file}, {format_bytes(self.bytes)} of {format_bytes(self.total)}"
