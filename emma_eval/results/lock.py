"""The lock of a run folder: one process at a time writes to it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from emma_eval.errors import UserError
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import is_deleted, locked_file, read_text

LOCK_FILE = "run.lock"


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a run folder, or held it last."""

    process_id: int
    host: str

    def __str__(self) -> str:
        return f"process {self.process_id} on {self.host}"


def read_lock_holder(folder: Path) -> LockHolder | None:
    """Who holds the folder, or held it last, as its lock file says; None if it does not. Takes no lock."""
    try:
        text = read_text(folder / LOCK_FILE, 1000)
    except UserError:
        return None
    match = re.fullmatch(r"process (\d+) on (.+)", text.strip())
    return LockHolder(int(match[1]), match[2]) if match else None


@contextmanager
def lock_run_folder(
    folder: Path, advice: str = "wait for it, or choose another folder with --output"
) -> Iterator[None]:
    """Hold the folder for this process.

    Raises UserError, naming the holder, while another process has it; for a folder within that is a link out of it; and
    at the end, instead of the missing files that follow, if the folder was removed meanwhile.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink():
            require_inside_folder(path, folder)
    with locked_file(folder / LOCK_FILE, wait=False) as file:
        if file is None:
            raise UserError(f"{folder} is being written by {read_lock_holder(folder) or 'another process'}; {advice}")
        try:
            file.truncate(0)
            os.write(file.fileno(), str(LockHolder(os.getpid(), socket.gethostname())).encode())
        except OSError as error:  # a full disk, whose message names the file
            raise OSError(error.errno, error.strerror, str(folder / LOCK_FILE)) from error
        try:
            yield
        except FileNotFoundError as error:
            _require_there(file, folder, error)
            raise
        _require_there(file, folder)


def _require_there(file: IO[str], folder: Path, cause: Exception | None = None) -> None:
    """Raise UserError if the held folder was removed."""
    if is_deleted(file, folder / LOCK_FILE):
        raise UserError(
            f"{folder} is gone: it was removed while this command wrote to it; the same command begins anew"
        ) from cause
