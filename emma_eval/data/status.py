"""`data status`: which of a task's data are on this machine, how many samples, and where to get the rest."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from emma_eval.data.fetch import can_fetch, manual_download
from emma_eval.data.hub.download import downloaded_bytes
from emma_eval.data.hub.snapshot import configurations, is_downloaded, read_split, repository_folder
from emma_eval.data.loading import read_local_samples
from emma_eval.data.location import locate_data, locate_files
from emma_eval.errors import UserError
from emma_eval.tasks.reader import get_reader
from emma_eval.utils.text import error_message, format_bytes, pluralize

if TYPE_CHECKING:
    from emma_eval.data.hub.snapshot import Split
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import HubConfig

MAX_COUNTED_BYTES = 2**25  # of files that are read to count their samples: a second or two for all tasks together
GZIP_RATIO = 8  # what such text grows by when it is unpacked

# complete: as many samples as expected, or every byte of the hub's files; incomplete, too many: another number;
# present: all files, not counted; damaged: cannot be read; partly: files are missing; missing: none of the task's own
State = Literal["shipped", "complete", "incomplete", "too many", "present", "damaged", "partly", "missing"]


class DataStatus(NamedTuple):
    """One task's data."""

    state: State
    size: int = 0  # bytes on this machine
    samples: str = ""  # `8,910`, `36 of 9,000 or 8,910`, or why they are not counted
    source: str = ""  # where the files come from
    ways: tuple[str, ...] = ()  # how to get what is missing, or what is wrong

    @property
    def is_installed(self) -> bool:
        """Whether something of the task's own is on this machine, besides what comes with a package."""
        return self.state not in ("shipped", "missing")


def data_status(task: TaskConfig, root: Path, *, count: bool = True) -> DataStatus:
    """State, size and, where reading them is quick, number of samples, unless `count` is False.

    Images are looked for by their folder alone; `check` opens each.
    """
    if task.suite or not task.files:
        return DataStatus("shipped", source="comes with a package")
    files, missing = locate_files(task, root)
    from_hub = is_downloaded(root, task.hub, files)
    size = 0 if from_hub else sum(map(_size, set(files.values())))
    if not missing and not from_hub:
        single_files = [path for path in files.values() if path.is_file()]  # the others are folders of images
        to_read = sum(_size(path) * (GZIP_RATIO if path.suffix == ".gz" else 1) for path in single_files)
        status = DataStatus("present", size, source="official files")
        return _whole(task, root, status, to_read) if count else status
    splits, total, downloaded = _snapshot(task.hub, root) if task.hub else ([], 0, 0)
    if total and downloaded == total:
        source = f"from the hub, commit {splits[0].revision[:12]}"
        return DataStatus("complete", downloaded, _rows(root, splits[0]) if count else "", source)
    ways = [f"data fetch {task.name}"] if can_fetch(task) else []
    image_folders = get_reader(task.reader, task.columns).folders  # which may be there for another task
    has_own = downloaded or set(files) - set(image_folders)
    ways.append(manual_download(task, root))
    if has_own:
        return DataStatus("partly", size + downloaded, ways=tuple(ways))
    return DataStatus("missing", ways=tuple(ways))


def _whole(task: TaskConfig, root: Path, status: DataStatus, to_read: int) -> DataStatus:
    """The status of a task whose official files are all there; `to_read` bytes are read to count its samples."""
    expected = task.expected.in_words
    if to_read > MAX_COUNTED_BYTES:
        return status._replace(samples=f"not counted, {format_bytes(to_read)} to read; {expected} expected")
    try:
        count = len(read_local_samples(locate_data(task, root), allow_partial=True))
    except UserError as error:
        return status._replace(state="damaged", ways=(str(error).removeprefix(f"task {task.name}: "),))
    if task.expected.allows(count):
        return status._replace(state="complete", samples=f"{count:,}")
    state: State = "incomplete" if count < max(task.expected.samples) else "too many"
    return status._replace(state=state, samples=f"{count:,} of {expected}")


def _rows(root: Path, split: Split) -> str:
    """How many rows the split's files hold, by their own heads; Parquet files alone have such."""
    if split.builder != "parquet":
        return "not counted"
    from pyarrow import ArrowException, parquet

    folder = repository_folder(root, split.id)
    try:
        return pluralize(sum(parquet.read_metadata(folder / file.path).num_rows for file in split.files), "row")
    except (ArrowException, OSError) as error:
        return f"not counted: {error_message(error):.80}"


def _snapshot(hub: HubConfig, root: Path) -> tuple[list[Split], int, int]:
    """(lists of files, bytes of all files, bytes downloaded); a total of 0 while a configuration is not listed."""
    splits = [read_split(root, hub, config) for config in configurations(hub)]
    folder = repository_folder(root, hub.id)
    listed = [split for split in splits if split]
    files = [file for split in listed for file in split.files]
    downloaded = sum(downloaded_bytes(folder, file) for file in files)
    total = sum(file.size for file in files) if all(splits) else 0
    return listed, total, downloaded


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder, links followed; what cannot be looked at is not counted."""
    if path.is_file():
        return path.stat().st_size
    total, folders, seen = 0, [str(path)], set[tuple[int, int]]()
    while folders:
        folder = folders.pop()
        with suppress(OSError):  # a link to nothing, or a folder that is not readable
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen:  # a link back to a folder above
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir():
                        folders.append(entry.path)
                    elif entry.is_file():  # a link to nothing is neither
                        total += entry.stat().st_size
    return total
