"""A baseline: a run's statistics in one file, small enough to be committed, with which later runs are compared."""

from __future__ import annotations

from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.results.run_labels import LabelParts
from emma_eval.results.sample_statistics import (
    SCHEMA_VERSION,
    TaskStatistics,
    TaskStatisticsRecord,
    from_record,
    read_all_statistics,
)
from emma_eval.results.scores import ModelRecord, ScoredRun, read_scores, run_folder
from emma_eval.utils.environment import default_results_folder
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.records import Record, read_record, to_compact_json
from emma_eval.utils.text import slug

EXPECTED = "a run's folder or a file that the command baseline wrote is expected"


class Baseline(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: ModelRecord
    name: str = ""  # given with --name; empty: the model's
    tasks: tuple[TaskStatisticsRecord, ...]


def write_baseline(run: Path, output: Path | None = None) -> Path:
    """Write a run's baseline, to `results/baselines/<model>.json` below the current folder by default.

    Raises UserError if the run has no statistics, and if the default file exists: a baseline is replaced only if it is
    named by `output`.
    """
    run = run_folder(run)
    scores = read_scores(run)
    baseline = Baseline(
        model=scores.model, name=scores.name, tasks=tuple(task.record for task in read_all_statistics(run))
    )
    path = output or default_results_folder() / "baselines" / f"{slug(scores.name or scores.model.name)}.json"
    if output is None and path.exists():
        raise UserError(f"{path} is there already; --output {path} replaces it")
    make_output_folder(path.parent)
    write_atomic(path, to_compact_json(baseline))
    return path


def read_run_or_baseline(path: Path) -> tuple[LabelParts, list[TaskStatistics]]:
    """Label parts and tasks of a run folder or a baseline file. Raises UserError if it can't be read."""
    path = run_folder(path)
    if path.is_dir():
        return ScoredRun(path, read_scores(path)).label_parts, read_all_statistics(path)
    if not path.exists():
        raise UserError(f"{path} is missing: {EXPECTED}")
    baseline = read_record(path, Baseline, EXPECTED)
    label_parts = LabelParts(baseline.name or baseline.model.name, baseline.model.dtype, (path,))
    return label_parts, [from_record(record, path) for record in baseline.tasks]
