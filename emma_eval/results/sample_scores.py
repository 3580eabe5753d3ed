"""`samples/<task>.jsonl` of a run folder: each sample's score, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from emma_eval.types import SampleScore
from emma_eval.utils.files import write_atomic

FOLDER = "samples"


def sample_scores_path(folder: Path, task: str) -> Path:
    """Where the sample scores of a task are."""
    return folder / FOLDER / f"{task}.jsonl"


def write_sample_scores(folder: Path, task: str, samples: Sequence[SampleScore]) -> None:
    """Write the sample scores of a task into its run folder."""
    path = sample_scores_path(folder, task)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, "".join(json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in samples))
