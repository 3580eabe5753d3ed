"""One process at a time writes to a run folder."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.files import locked_file, read_text

LOCK_FILE = "run.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that last held a folder."""

    id: int
    host: str

    def __str__(self) -> str:
        return f"process {self.id} on {self.host}"


def holder(folder: Path) -> Holder | None:
    """Who holds the folder, or held it last; None if that is not written there. The lock itself is left alone."""
    try:
        text = read_text(folder / LOCK_FILE, 1000)
    except UserError:
        return None
    written = re.fullmatch(r"process (\d+) on (.+)", text.strip())
    return Holder(int(written[1]), written[2]) if written else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises UserError, naming the holder, while another process has it."""
    with locked_file(folder / LOCK_FILE, wait=False) as file:
        if file is None:
            raise UserError(
                f"{folder} is being written by {holder(folder) or 'another process'}; wait for it, "
                "or choose another folder with --output"
            )
        file.truncate(0)
        file.write(str(Holder(os.getpid(), socket.gethostname())))
        file.flush()
        yield
