"""One file from the hub, in blocks appended to `NAME.part`: whatever ends it, the next attempt goes on there."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from emma_eval.data.hub.snapshot import HubFile, Split
from emma_eval.errors import UserError
from emma_eval.utils.files import open_output, require_inside_folder
from emma_eval.utils.hub import fail_fast_and_quietly
from emma_eval.utils.text import error_message, format_bytes

BLOCK = 8 * 1024 * 1024  # bytes asked for at a time: what is lost when a download breaks off
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


def part_of(path: Path) -> Path:
    """Where a file grows until it is whole."""
    return path.with_name(path.name + ".part")


def present(folder: Path, file: HubFile) -> int:
    """Bytes of the file that are on this machine."""
    path = folder / file.path
    if file.is_whole(folder):
        return file.size
    part = part_of(path)
    return min(part.stat().st_size, file.size) if part.is_file() else 0


def download(split: Split, file: HubFile, folder: Path, told: Callable[[int], None]) -> None:
    """Bring a file below the folder, whole and with the right hash; `told` hears of the bytes as they come.

    Raises UserError when it breaks off or comes damaged, OSError when the disk is full.
    """
    path = folder / file.path
    part = part_of(path)
    require_inside_folder(path.parent, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with fail_fast_and_quietly():
            _append(f"datasets/{split.id}@{split.revision}/{file.path}", part, file.size, told)
    except UserError:
        raise
    except Exception as error:  # the hub's client raises dozens of kinds
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise
        have = format_bytes(part.stat().st_size if part.is_file() else 0)
        raise UserError(
            f"the download of {file.path} broke off at {have} of {format_bytes(file.size)}: "
            f"{error_message(error)[:200]}; what has come is kept, and the same command goes on"
        ) from error
    if not file.is_intact(part):
        part.unlink()
        raise UserError(f"{file.path} came with another hash than the hub tells; it was deleted: fetch again")
    part.replace(path)


def _append(source: str, part: Path, size: int, told: Callable[[int], None]) -> None:
    """Read on from where the part ends."""
    from huggingface_hub import HfFileSystem

    with open_output(part, "ab") as sink:
        if sink.tell() > size:  # of another revision
            sink.truncate(0)
        if sink.tell() == size:
            return
        with HfFileSystem().open(source, "rb", block_size=BLOCK, cache_type="none") as file:
            file.seek(sink.tell())
            while block := file.read(BLOCK):
                sink.write(block)
                told(len(block))
