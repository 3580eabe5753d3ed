"""How many samples of a task tell a difference: from two runs, from one run, or from a stated disagreement alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.analysis.compare import compare_task
from emma_eval.errors import UserError
from emma_eval.stats.bootstrap import cluster_indices, full_range, num_clusters, resample_metrics
from emma_eval.stats.paired import BOOTSTRAP, MCNEMAR, independent_binary_scores
from emma_eval.stats.power import McNemarDesign, NormalDesign, PairedDesign, PowerSettings, samples_needed
from emma_eval.stats.power import smallest_difference as _smallest
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.results.sample_statistics import TaskStatistics
    from emma_eval.stats.bootstrap import Integers
    from emma_eval.types import Metric

DEFAULT_DISAGREEMENT = 0.15  # an assumption: half of what two unrelated models at 80% or so would have
LEAST_DISAGREEMENT = 0.01
ACCURACY = "accuracy"
EFFECTS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # percent of the metric's full range


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """A paired test on a task that has yet to be run. Differences are in the metric's printed unit: points, mostly."""

    task: str
    metric: str
    test: str
    design: PairedDesign
    printed_range: float  # 100 for an accuracy, 2,800 for MME's score
    samples_per_unit: float = 1.0  # of what the design counts: clusters, or circular questions with all their passes
    basis: str = ""  # where the design is from, in words
    sizes: tuple[int, ...] = ()  # of the whole task; several where releases differ

    def needed(self, difference: float, settings: PowerSettings) -> int | None:
        """Samples that tell a difference as often as wanted; None if no number does."""
        units = samples_needed(self.design, difference / self.printed_range, settings)
        return None if units is None else math.ceil(units * self.samples_per_unit)

    def told_by(self, samples: int, settings: PowerSettings) -> float | None:
        """The smallest difference that so many samples tell; None if they tell none."""
        told = _smallest(self.design, int(samples / self.samples_per_unit), settings)
        return None if told is None else told * self.printed_range

    def effects(self, wanted: float) -> Sequence[float]:
        """The differences of a table, the wanted one among them."""
        return sorted({wanted, *(share * self.printed_range / 100 for share in EFFECTS)})


def plan_by_runs(first: TaskStatistics, second: TaskStatistics, sizes: Sequence[int]) -> SamplePlan:
    """By what two runs of the task disagree on, among the samples that both have.

    Raises UserError if they have none in common, or never disagree.
    """
    found = compare_task(first, second, intersect=True)
    pair = found.primary
    if pair.design is None or not pair.design.spread:
        raise UserError(
            f"task {first.task}: the two runs score every sample alike, which tells nothing of what others disagree "
            "on; give one run, or --disagreement"
        )
    total = len(set(first.record.samples.id) & set(second.record.samples.id))
    differ = (len(found.won) + len(found.lost)) / found.samples
    return SamplePlan(
        task=first.task,
        metric=pair.metric.name,
        test=pair.test,
        design=pair.design,
        printed_range=_printed_range(first),
        samples_per_unit=total / pair.units,
        basis=f"the runs score {differ:.1%} of {pluralize(found.samples, 'sample')} differently"
        + _by_unit(pair.test, found.cluster_unit, pair.units),
        sizes=tuple(sizes) or (total,),
    )


def plan_by_one_run(run: TaskStatistics, disagreement: float | None, sizes: Sequence[int]) -> SamplePlan:
    """By one run's own scores and a disagreement, by default half of what two unrelated runs as good would have.

    Where images have several questions, or the metric is no mean, a difference is taken to vary the more for it as the
    run's own value does: by its bootstrap against independent samples.
    """
    metric, samples = run.primary, run.scores.samples
    share = sum(sample.score for sample in samples) / len(samples)
    rate, how = disagreement, "as stated"
    if rate is None:
        rate = max(share * (1 - share), LEAST_DISAGREEMENT)
        how = f"half of what two unrelated models at {share:.1%} would have"
    clusters = cluster_indices(samples)
    units = num_clusters(metric, clusters)
    test, design = _design(metric, clusters, rate, share)
    basis = f"{rate:.1%} of the samples scored differently, {how}{_by_unit(test, run.scores.cluster_unit, units)}"
    ratio = len(samples) / units
    sizes = tuple(sizes) or (len(samples),)
    return SamplePlan(run.task, metric.name, test, design, _printed_range(run), ratio, basis, sizes)


def _design(metric: Metric, clusters: Integers, rate: float, share: float) -> tuple[str, PairedDesign]:
    """The test of two runs that score this share of samples differently, and its design by clusters."""
    import numpy as np

    if independent_binary_scores(metric, clusters) is not None:
        return MCNEMAR, McNemarDesign(rate)
    error = float(np.nanstd(resample_metrics([metric], clusters)[0])) / full_range(metric)
    inflation = error**2 * len(clusters) / (share * (1 - share)) if 0 < share < 1 and error else 1.0
    return BOOTSTRAP, NormalDesign(math.sqrt(rate * inflation * num_clusters(metric, clusters) / len(clusters)))


def plan_by_disagreement(task: str, metric: str, disagreement: float | None, sizes: Sequence[int]) -> SamplePlan:
    """Of right or wrong answers to independent questions, by a disagreement; `metric` is the task's primary one."""
    rate = DEFAULT_DISAGREEMENT if disagreement is None else disagreement
    how = "assumed" if disagreement is None else "as stated"
    basis = f"{rate:.1%} of the samples scored differently, {how}; questions taken as independent, right or wrong"
    if metric != ACCURACY:
        basis += f". The task's own metric is {metric.replace('_', ' ')}, of which a run tells more: --runs RUN"
    return SamplePlan(task, ACCURACY, MCNEMAR, McNemarDesign(rate), 100.0, basis=basis, sizes=tuple(sizes))


def _printed_range(run: TaskStatistics) -> float:
    metric = run.primary
    return full_range(metric) * (100 if metric.unit == "fraction" else 1)


def _by_unit(test: str, unit: str, count: int) -> str:
    return "" if test == MCNEMAR or unit == "question" else f"; resampled by {unit} ({count:,})"
