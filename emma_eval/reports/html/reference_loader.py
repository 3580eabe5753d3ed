"""The benchmark's own samples of a run: questions, expected answers and images, which run folders do not hold.

They are read again from the data, never from the network, and shown only if they are what the run was scored by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emma_eval.data.selection import reference_digest, select_subset
from emma_eval.errors import UserError
from emma_eval.reports.html.run_loader import FinishedRun
from emma_eval.types import Sample


@dataclass(frozen=True, slots=True)
class BenchmarkSamples:
    """A task's samples by id; none, and why, where the data are not at hand or are not the run's."""

    by_id: Mapping[str, Sample] = field(default_factory=dict)
    problem: str = ""


def benchmark_samples(runs: Sequence[FinishedRun], name: str, data: Path | None) -> BenchmarkSamples:
    """The samples of a task below the data root `data`, or of the shipped suite."""
    from emma_eval.data.loading import load_samples
    from emma_eval.tasks.index import task_names
    from emma_eval.tasks.loading import load_task

    if name not in task_names():
        return BenchmarkSamples(problem=f"no folder known here has the task {name}: name its folder with --task-dir")
    try:
        task = load_task(name).model_copy(update={"hub": None})
        samples = load_samples(task, data, allow_partial=True)
    except UserError as error:
        return BenchmarkSamples(problem=str(error))
    if any(not _scored_by(run, name, samples) for run in runs):
        return BenchmarkSamples(problem="the data found are not those that the answers were scored by")
    return BenchmarkSamples({sample.id: sample for sample in samples})


def _scored_by(run: FinishedRun, name: str, samples: Sequence[Sample]) -> bool:
    """Whether a run that has the task asked these samples and expected these answers."""
    facts, settings = run.manifest.tasks.get(name), run.manifest.settings
    return facts is None or facts.reference_digest == reference_digest(
        select_subset(samples, settings.limit, settings.seed)
    )
