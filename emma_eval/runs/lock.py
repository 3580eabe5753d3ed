"""One process at a time writes to a run folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.files import lock

LOCK_FILE = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises UserError, naming the holder, while another process has it."""
    with (folder / LOCK_FILE).open("a+", encoding="utf-8") as file:
        if not lock(file, wait=False):
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(
                f"{folder} is being written by {holder}; wait for it, or choose another folder with --output"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
