"""A baseline: a run's evidence in one file, small enough to be committed, for later runs to be held against."""

from __future__ import annotations

from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.files import make_folder, write_atomic
from emma_eval.record import Record, compact_json, read_json_record
from emma_eval.reports.scores_file import ModelRecord, read_scores
from emma_eval.runs.environment import results_folder
from emma_eval.runs.evidence import SCHEMA_VERSION, Evidence, TaskEvidence, read_run, unpack

EXPECTED = "a run's folder or a file that the command baseline wrote is expected"


class Baseline(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: ModelRecord
    tasks: tuple[Evidence, ...]


def write_baseline(run: Path, output: Path | None = None) -> Path:
    """Write a run's baseline, to `results/baselines/<model>.json` by default. Raises UserError if it can't be made."""
    model = read_scores(run).model
    baseline = Baseline(model=model, tasks=tuple(task.record for task in read_run(run)))
    path = output or results_folder() / "baselines" / f"{model.name}.json"
    make_folder(path.parent)
    write_atomic(path, compact_json(baseline))
    return path


def read_measured(path: Path) -> tuple[str, list[TaskEvidence]]:
    """Model and tasks of a run folder, or of a baseline's file. Raises UserError if it can't be read."""
    if path.is_dir():
        return read_scores(path).model.name, read_run(path)
    if not path.exists():
        raise UserError(f"{path} is missing: {EXPECTED}")
    baseline = read_json_record(path, Baseline, EXPECTED)
    return baseline.model.name, [unpack(record, path) for record in baseline.tasks]
