"""One file from the hub, in blocks appended to `NAME.part`: after an interruption the next attempt continues there."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from emma_eval.data.hub.snapshot import HubFile, Split
from emma_eval.errors import UserError
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import open_output
from emma_eval.utils.hub import fail_fast_and_quietly
from emma_eval.utils.text import error_message, format_bytes

BLOCK = 8 * 1024 * 1024  # bytes per request: what is lost when a download breaks off
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


def partial_path(path: Path) -> Path:
    """The path of a file whose download is not complete."""
    return path.with_name(path.name + ".part")


def downloaded_bytes(folder: Path, file: HubFile) -> int:
    """Bytes of the file that are on this machine."""
    path = folder / file.path
    if file.is_complete(folder):
        return file.size
    part = partial_path(path)
    return min(part.stat().st_size, file.size) if part.is_file() else 0


def download(split: Split, file: HubFile, folder: Path, on_bytes: Callable[[int], None]) -> None:
    """Download a file below the folder and check its hash; `on_bytes` is called with the size of each block.

    Raises UserError when it breaks off or has another hash, OSError when the disk is full.
    """
    path = folder / file.path
    part = partial_path(path)
    require_inside_folder(path.parent, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with fail_fast_and_quietly():
            _append(f"datasets/{split.id}@{split.revision}/{file.path}", part, file.size, on_bytes)
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
    if not file.has_hash(part):
        part.unlink()
        raise UserError(f"{file.path} came with another hash than the hub tells; it was deleted: fetch again")
    part.replace(path)


def _append(source: str, part: Path, size: int, on_bytes: Callable[[int], None]) -> None:
    """Append the bytes of `source` that the part lacks."""
    from huggingface_hub import HfFileSystem

    with open_output(part, "ab") as sink:
        if sink.tell() > size:  # a file of another revision
            sink.truncate(0)
        if sink.tell() == size:
            return
        with HfFileSystem().open(source, "rb", block_size=BLOCK, cache_type="none") as file:
            file.seek(sink.tell())
            while sink.tell() <= size and (block := file.read(BLOCK)):  # one that goes on has another hash
                sink.write(block)
                on_bytes(len(block))
