"""By what a task is known again: the hash of all that its file says about asking and scoring."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

# What of a task file decides the answers and the scores; a corrected title changes neither.
DECIDING_KEYS = {"benchmark", "split", "reader", "columns", "select", "prompt", "generation", "circular", "metric"}


def task_digest(task: TaskConfig, protocol: str) -> str:
    """The hex SHA-256. Raises UserError for an unknown protocol."""
    scoring = task.scorer_config(protocol).model_dump(exclude_none=True)
    config = task.model_dump(include=DECIDING_KEYS) | {"scoring": scoring}
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode("utf-8", "surrogatepass") + b"\n").hexdigest()
