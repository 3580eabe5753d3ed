"""Reads questions, references and images of a run's tasks, which run folders do not hold, from the benchmarks' data.

Nothing is downloaded. Samples are shown only if the run was scored with exactly these.
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
    """A task's samples by id; none, with the reason, if the data are missing or not those of the run."""

    by_id: Mapping[str, Sample] = field(default_factory=dict)
    problem: str = ""


def benchmark_samples(runs: Sequence[FinishedRun], name: str, data: Path | None) -> BenchmarkSamples:
    """The samples of a task, from the data root `data` or the shipped suite."""
    from emma_eval.data.loading import load_samples
    from emma_eval.tasks.index import task_names
    from emma_eval.tasks.loading import load_task
    from emma_eval.tasks.sources import find_source

    if name not in task_names() and not find_source(name):
        return BenchmarkSamples(problem=f"no folder known here has the task {name}: name its folder with --task-dir")
    try:
        task = load_task(name).model_copy(update={"hub": None})
        samples = load_samples(task, data, allow_partial=True)
    except UserError as error:
        return BenchmarkSamples(problem=str(error))
    if any(not _is_scored_with(run, name, samples) for run in runs):
        return BenchmarkSamples(problem="the data found are not those that the answers were scored by")
    return BenchmarkSamples({sample.id: sample for sample in samples})


def _is_scored_with(run: FinishedRun, name: str, samples: Sequence[Sample]) -> bool:
    """Whether the run has these samples and references, or does not have the task."""
    facts, settings = run.manifest.tasks.get(name), run.manifest.settings
    return facts is None or facts.reference_digest == reference_digest(
        select_subset(samples, settings.limit, settings.seed)
    )
