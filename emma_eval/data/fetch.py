"""`data fetch`: download a task's data set from the hub to a data root, where `run` finds it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.download import download, downloaded_bytes
from emma_eval.data.hub.listing import list_split
from emma_eval.data.hub.snapshot import Split, configurations, is_downloaded, read_split, repository_folder, split_path
from emma_eval.data.loading import load_samples, row_reader
from emma_eval.data.location import locate_files
from emma_eval.errors import UserError
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import locked_file, write_atomic
from emma_eval.utils.hub import require_hub_reachable
from emma_eval.utils.progress_bars import can_draw_bars, progress_bars
from emma_eval.utils.terminal import print_message
from emma_eval.utils.text import format_bytes, pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

BeginFile = Callable[[int, str], None]  # (file number from 1, path)
AddBytes = Callable[[int], None]


def fetch(task: TaskConfig, root: Path) -> str:
    """Download the files that are missing, then read and count the samples. Returns a line on what was done.

    An existing list of files is kept to, so that a later attempt continues with the same commit. Raises UserError when
    the task is not on the hub, the hub cannot be reached, the disk is too small, or the data are not as expected.
    """
    if task.suite or not task.files:
        return "comes with a package: nothing to fetch"
    files, missing_files = locate_files(task, root)
    if not missing_files and not is_downloaded(root, task.hub, files):
        return "its official files are there: nothing to fetch"
    if task.hub is None or not can_fetch(task):
        raise UserError(f"not on the hub: {manual_download(task, root)}")
    require_inside_folder(repository_folder(root, task.hub.id) / ".splits", root)
    splits = [
        read_split(root, task.hub, config) or _write_split(root, task, config) for config in configurations(task.hub)
    ]
    folder = repository_folder(root, task.hub.id)
    missing = sum(len(split.missing_files(folder)) for split in splits)
    if missing:
        require_hub_reachable()
        _require_space(root, folder, splits)
        with _exclusive(folder):
            _download_missing(task.name, folder, splits)
    samples = load_samples(task, root)
    size = format_bytes(sum(file.size for split in splits for file in split.files))
    done = f"{pluralize(missing, 'file')} fetched" if missing else "there already"
    return f"{done}: {pluralize(len(samples), 'sample')}, {size}, {task.hub.id} at commit {splits[0].revision[:12]}"


def can_fetch(task: TaskConfig) -> bool:
    """Whether the task's data are on the hub in a form that is read here."""
    return row_reader(task) is not None or bool(task.hub and task.hub.files)


def manual_download(task: TaskConfig, root: Path | None) -> str:
    """For messages: which files are missing, and where to get them."""
    _, missing = locate_files(task, root)
    source = f"from {task.homepage} " if task.homepage else ""
    return f"get by hand {source}and put below {root or 'ROOT'}: {'; '.join(missing.values())}"


def _write_split(root: Path, task: TaskConfig, config: str | None) -> Split:
    """The list of a split's files from the hub, written below the root; files of another commit are deleted."""
    assert task.hub is not None
    split = list_split(task.hub, config)
    folder = repository_folder(root, split.id)
    for file in split.files:
        if file.is_complete(folder) and not file.has_hash(folder / file.path):
            (folder / file.path).unlink()
    path = split_path(root, task.hub, config)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, split.model_dump_json(indent=1) + "\n")
    return split


def _require_space(root: Path, folder: Path, splits: Sequence[Split]) -> None:
    """Raise UserError unless the disk has room for the missing files and for the Arrow copy of all of them."""
    download_size = sum(file.size - downloaded_bytes(folder, file) for split in splits for file in split.files)
    copy_size = sum(file.size for split in splits if split.builder for file in split.files)
    free = shutil.disk_usage(root).free
    if download_size + copy_size > free:
        raise UserError(
            f"{format_bytes(download_size + copy_size)} are needed below {root} ({format_bytes(download_size)} to "
            f"come, {format_bytes(copy_size)} for a copy that is fast to read) and {format_bytes(free)} are free; "
            "nothing was downloaded"
        )


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes from writing the same files. Raises UserError while one does."""
    with locked_file(folder / ".splits" / "fetching", wait=False) as file:
        if file is None:
            raise UserError(f"another `data fetch` is at work in {folder}; wait until it has ended")
        yield


def _download_missing(name: str, folder: Path, splits: Sequence[Split]) -> None:
    missing = [(split, file) for split in splits for file in split.missing_files(folder)]
    total = sum(file.size - downloaded_bytes(folder, file) for _, file in missing)
    with (_bar if can_draw_bars() else _lines)(name, len(missing), total) as (begin_file, add_bytes):
        for number, (split, file) in enumerate(missing, 1):
            begin_file(number, file.path)
            download(split, file, folder, add_bytes)


@contextmanager
def _bar(name: str, files: int, total: int) -> Iterator[tuple[BeginFile, AddBytes]]:
    """A progress bar on standard error, gone at the end; `total` in bytes."""
    from rich.progress import DownloadColumn, TransferSpeedColumn

    with progress_bars(DownloadColumn(), TransferSpeedColumn(), transient=True) as progress:
        bar = progress.add_task(name, total=total)

        def begin_file(number: int, path: str) -> None:
            progress.update(bar, description=f"{name}: file {number} of {files}, {path}")

        yield begin_file, lambda size: progress.advance(bar, size)


@contextmanager
def _lines(name: str, files: int, total: int) -> Iterator[tuple[BeginFile, AddBytes]]:
    """A line on standard error for each file, with the bytes before it."""
    done = 0

    def begin_file(number: int, path: str) -> None:
        progress = f"{format_bytes(done)} of {format_bytes(total)}"
        print_message(f"{name}: file {number} of {files}, {path}, {progress}")

    def add_bytes(size: int) -> None:
        nonlocal done
        done += size

    yield begin_file, add_bytes
