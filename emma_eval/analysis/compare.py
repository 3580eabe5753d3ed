"""Compares two runs task by task on the same samples; raises UserError for what is not comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emma_eval.errors import UserError
from emma_eval.results.sample_statistics import TaskStatistics
from emma_eval.stats.exact_tests import holm
from emma_eval.stats.paired import Flip, MetricComparison, compare_metrics, flips
from emma_eval.stats.subset import restrict_scores
from emma_eval.types import Scores
from emma_eval.utils.text import did_you_mean


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task of two runs, the second compared with the first."""

    task: str
    samples: int
    cluster_unit: str
    metrics: tuple[MetricComparison, ...]  # the primary one first
    won: tuple[Flip, ...]  # samples that the second run scores higher
    lost: tuple[Flip, ...]
    ties: int
    notes: tuple[str, ...] = ()

    @property
    def primary(self) -> MetricComparison:
        """The task's primary metric."""
        return self.metrics[0]


def compare_runs(
    first: Sequence[TaskStatistics],
    second: Sequence[TaskStatistics],
    tasks: Sequence[str] = (),
    *,
    intersect: bool = False,
) -> list[TaskComparison]:
    """Compare every task that both runs have, or the named ones.

    Raises UserError if there is none, and if splits, protocols or samples differ unless `intersect` is given.
    """
    ours, theirs = {statistics.task: statistics for statistics in first}, {other.task: other for other in second}
    wanted = [line for task in tasks for line in _lines_of(task, ours, theirs)]
    shared = wanted or [line for line in ours if line in theirs]
    if not shared:
        raise UserError(f"the runs share no task: {', '.join(ours)} in the first, {', '.join(theirs)} in the second")
    return [compare_task(ours[task], theirs[task], intersect=intersect) for task in dict.fromkeys(shared)]


def _lines_of(task: str, ours: Mapping[str, TaskStatistics], theirs: Mapping[str, TaskStatistics]) -> list[str]:
    """The lines of a task that both runs have: its own, and that of each judge. Raises UserError if there is none."""
    lines = []
    for run, ordinal in ((ours, "first"), (theirs, "second")):
        lines.append([line for line, statistics in run.items() if task in (line, statistics.record.task)])
        if not lines[-1]:
            raise UserError(f"the {ordinal} run has no scores of task {task!r}{did_you_mean(task, run)}")
    if not (shared := [line for line in lines[0] if line in lines[1]]):
        raise UserError(
            f"these do not compare: {'; '.join(lines[0])} in the first, {'; '.join(lines[1])} in the second"
        )
    return shared


def compare_task(first: TaskStatistics, second: TaskStatistics, *, intersect: bool = False) -> TaskComparison:
    """Compare one task. Raises UserError as `compare_runs` does."""
    reasons = differences(first, second)
    before, after = first.scores, second.scores
    if reasons and not intersect:
        raise UserError(f"task {first.task}: {reasons[0]}; --intersect compares what both answered all the same")
    if reasons:
        before, after = on_shared_samples(first, second)
    metrics = compare_metrics(before, after)
    metrics.sort(key=lambda pair: (pair.metric.name, pair.metric.group) != (first.record.primary, ""))
    if not metrics or metrics[0].metric.name != first.record.primary:
        raise UserError(
            f"task {first.task}: its metric {first.record.primary} can't be compared: not both runs record what each "
            "of these samples adds to it"
        )
    won, lost, ties = flips(before, after, metrics[0].metric)
    return TaskComparison(
        task=first.task,
        samples=len(won) + len(lost) + ties,
        cluster_unit=before.cluster_unit,
        metrics=tuple(metrics),
        won=tuple(won),
        lost=tuple(lost),
        ties=ties,
        notes=(*reasons, *remarks(first, second)),
    )


def differences(first: TaskStatistics, second: TaskStatistics) -> list[str]:
    """Why the two are not comparable as they are; empty if they are."""
    reasons = []
    for field in ("benchmark", "split", "protocol"):
        then, now = getattr(first.record, field), getattr(second.record, field)
        if then != now:
            reasons.append(f"the {field} is {then} in the first and {now} in the second")
    ids, other_ids = first.record.samples.id, second.record.samples.id
    if ids != other_ids:
        shared = len(set(ids) & set(other_ids))
        reasons.append(
            f"the samples differ: {len(ids):,} in the first, {len(other_ids):,} in the second, {shared:,} in both"
        )
    elif first.record.reference_digest != second.record.reference_digest:
        reasons.append("the expected answers differ")
    return reasons


def remarks(first: TaskStatistics, second: TaskStatistics) -> list[str]:
    """Remarks on a comparison that is allowed: different task files, for example, may be its very purpose."""
    ours, theirs = first.record.config, second.record.config
    return ["asked or scored by different task files"] if ours and theirs and ours != theirs else []


def on_shared_samples(first: TaskStatistics, second: TaskStatistics) -> tuple[Scores, Scores]:
    """Both scores on the samples that both have, in the first's order. Raises UserError if there are none."""
    others = set(second.record.samples.id)
    shared = [sample_id for sample_id in first.record.samples.id if sample_id in others]
    if not shared:
        raise UserError(f"task {first.task}: the runs have no sample in common")
    if len(set(shared)) < len(shared):
        raise UserError(f"task {first.task}: sample ids are not unique, so samples can't be matched by them")
    return restrict_scores(first.scores, shared), restrict_scores(second.scores, shared)


def holm_over_tasks(comparisons: Sequence[TaskComparison]) -> list[float]:
    """The primary metrics' p values, corrected for the number of tasks."""
    return holm([comparison.primary.p_value for comparison in comparisons])
