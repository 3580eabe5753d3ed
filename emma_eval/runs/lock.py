"""One process at a time writes to a run folder.

The lock belongs to the process, not to the file: the kernel frees it when the process ends, however it ends, so
nothing stale is left after `kill -9` or a power cut.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emma_eval.errors import UserError

LOCK_FILE = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises UserError, naming the holder, while another process has it.

    A file system without locks (some network disks) is used unlocked: better than not at all.
    """
    with (folder / LOCK_FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(
                f"{folder} is being written by {holder}; wait for it, or choose another folder with --output"
            ) from None
        except OSError:
            pass
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
