"""Whether a run is being worked on, as another process can tell."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

from emma_eval.results.lock import read_lock_holder
from emma_eval.results.manifest import Manifest

RunState = Literal["running", "finished", "interrupted", "stopped", "killed"]


def run_state(folder: Path, manifest: Manifest) -> RunState:
    """The manifest's status; `killed` where it says `running` but its process, on this machine, has ended."""
    if manifest.status != "running":
        return manifest.status
    holder = read_lock_holder(folder)
    if holder is None or holder.host != socket.gethostname():
        return "running"
    try:
        os.kill(holder.process_id, 0)
    except ProcessLookupError:
        return "killed"
    except PermissionError:  # it runs, as another user
        pass
    return "running"
