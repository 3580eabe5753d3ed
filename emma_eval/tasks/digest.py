"""The digest by which a task is recognised: a hash of all that its file says about asking and scoring.

Digests are kept in scores, manifests and baselines, so a key that is renamed is hashed under its first name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from emma_eval.tasks.aliases import RENAMED_KEYS, with_first_names

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

# What of a task file decides the answers and the scores; a corrected title changes neither.
HASHED_KEYS = {"benchmark", "split", "reader", "columns", "select", "prompt", "generation", "circular", "metric"}
# Keys that came after digests were first kept: hashed only where a task sets them.
LATER_KEYS: Mapping[str, Set[str]] = {
    "prompt": {"image_separator", "suffix_separator", "missing_hint", "keep_blanks"},
    "generation": {"min_new_tokens"},
}


def task_digest(task: TaskConfig, protocol: str) -> str:
    """The hex SHA-256. Raises UserError for an unknown protocol."""
    scoring = task.scorer_config(protocol).model_dump(exclude_none=True)
    config = task.model_dump(include=HASHED_KEYS)
    for section, later in LATER_KEYS.items():
        fields = type(getattr(task, section)).model_fields
        config[section] = {
            key: value for key, value in config[section].items() if key not in later or value != fields[key].default
        }
    first = {kind: with_first_names(config[kind], kind) for kind in RENAMED_KEYS if config[kind] is not None}
    text = json.dumps(config | first | {"scoring": scoring}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass") + b"\n").hexdigest()
