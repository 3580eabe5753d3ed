"""A baseline: a run's overall metrics, sample by sample, in one file small enough to be committed with code.

It is the run's own record of statistics (`sample_statistics`) without breakdowns, which no gate judges, as JSON that xz
compresses: three to ten bytes a sample. `xzcat` shows it. Nothing is rounded or hashed: the gate computes what it would
with the run itself. Choices of samples are written as steps from index to index.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from pydantic import model_validator

from emma_eval.errors import UserError
from emma_eval.results.manifest import MANIFEST_FILE
from emma_eval.results.run_labels import LabelParts
from emma_eval.results.sample_statistics import (
    TaskStatistics,
    TaskStatisticsRecord,
    from_record,
    read_all_statistics,
)
from emma_eval.results.scores import ModelRecord, ScoredRun, read_scores, run_folder
from emma_eval.utils.compression import compress
from emma_eval.utils.environment import default_results_folder
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.neighbours import did_you_mean_folder
from emma_eval.utils.records import Record, read_record, to_compact_json
from emma_eval.utils.text import slug

SCHEMA_VERSION = 2
EARLIER = (1,)  # every metric, indices themselves, JSON alone
SUFFIX = ".json.xz"
EXPECTED = "a run's folder or a file that the command baseline wrote is expected"


class Baseline(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: ModelRecord
    name: str = ""  # given with --name; empty: the model's
    tasks: tuple[TaskStatisticsRecord, ...]

    @model_validator(mode="before")
    @classmethod
    def _indices_of_steps(cls, content: Any) -> Any:
        if not isinstance(content, dict) or content.get("schema_version") in (None, *EARLIER):
            return content
        try:
            tasks = [
                task | {"sample_indices": [list(accumulate(steps)) for steps in task["sample_indices"]]}
                for task in content["tasks"]
            ]
        except (KeyError, TypeError) as error:
            raise ValueError("its choices of samples are missing or damaged") from error
        return content | {"tasks": tasks}


def overall(record: TaskStatisticsRecord) -> TaskStatisticsRecord:
    """The record without breakdowns, and without the ratios and choices of samples that only they use."""
    metrics = [metric for metric in record.metrics if not metric.group]
    new_ratio = _renumbered([index for metric in metrics for index in metric.ratios])
    ratios = [record.ratios[old] for old in new_ratio]
    new_choice = _renumbered([ratio.sample_indices for ratio in ratios if ratio.sample_indices is not None])
    return record.model_copy(
        update={
            "metrics": tuple(m.model_copy(update={"ratios": tuple(new_ratio[i] for i in m.ratios)}) for m in metrics),
            "ratios": tuple(
                ratio
                if ratio.sample_indices is None
                else ratio.model_copy(update={"sample_indices": new_choice[ratio.sample_indices]})
                for ratio in ratios
            ),
            "sample_indices": tuple(record.sample_indices[old] for old in new_choice),
        }
    )


def _renumbered(used: Sequence[int]) -> dict[int, int]:
    """Old index -> new index, in the old order."""
    return {old: new for new, old in enumerate(sorted(set(used)))}


def _with_steps(record: TaskStatisticsRecord) -> TaskStatisticsRecord:
    steps = tuple(tuple(b - a for a, b in pairwise((0, *indices))) for indices in record.sample_indices)
    return record.model_copy(update={"sample_indices": steps})


def write_baseline(run: Path, output: Path | None = None) -> Path:
    """Write a run's baseline, to `results/baselines/<model>.json.xz` below the current folder by default.

    The file is compressed if the name of `output` ends in .xz or .gz.

    Raises UserError if the run has no statistics, and if the default file exists: a baseline is replaced only if it is
    named by `output`.
    """
    run = run_folder(run)
    scores = read_scores(run)
    baseline = Baseline(
        model=scores.model,
        name=scores.name,
        tasks=tuple(_with_steps(overall(task.record)) for task in read_all_statistics(run)),
    )
    path = output or default_results_folder() / "baselines" / f"{slug(scores.name or scores.model.name)}{SUFFIX}"
    if output is None and path.exists():
        raise UserError(f"{path} is there already; --output {path} replaces it")
    if output is None and (earlier := path.with_suffix("")).exists():
        raise UserError(f"{earlier} is there already, of an earlier version; --output {path} writes one beside it")
    make_output_folder(path.parent)
    write_atomic(path, compress(to_compact_json(baseline), path))
    return path


def read_run_or_baseline(path: Path) -> tuple[LabelParts, list[TaskStatistics]]:
    """Label parts and tasks of a run folder or a baseline file. Raises UserError if it can't be read."""
    path = run_folder(path)
    if path.is_dir():
        return ScoredRun(path, read_scores(path)).label_parts, read_all_statistics(path)
    if not path.exists():
        raise UserError(f"{path} is missing: {EXPECTED}{did_you_mean_folder(path, MANIFEST_FILE)}")
    baseline = read_record(path, Baseline, EXPECTED, EARLIER)
    label_parts = LabelParts(baseline.name or baseline.model.name, baseline.model.dtype, (path,))
    return label_parts, [from_record(record, path) for record in baseline.tasks]
