"""Paired comparison of two models on the same samples: differences, intervals, p values, flipped samples.

What is hard for both models cancels in a pair, so a paired test finds differences that two separate intervals hide.
Right/wrong scores of independent samples are tested by McNemar's exact test, everything else by a bootstrap that draws
the same clusters for both models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.stats.bootstrap import (
    RESAMPLES,
    Bounds,
    cluster_indices,
    entry_cluster_indices,
    full_range,
    num_clusters,
    quantile_levels,
    resample_metrics,
)
from emma_eval.stats.exact_tests import mcnemar
from emma_eval.stats.power import McNemarDesign, NormalDesign, PairedDesign, PowerSettings, smallest_difference
from emma_eval.stats.subset import covered_indices
from emma_eval.types import Metric, SampleScore, Scores

if TYPE_CHECKING:
    from emma_eval.stats.bootstrap import Floats, Integers

MCNEMAR = "McNemar, exact"
BOOTSTRAP = "paired bootstrap"
ROUNDING = 1e-9  # a spread below it is that of equal resamples, summed in another order


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of two runs. A positive difference means that the second value is larger, whether better or not."""

    metric: Metric  # the first run's
    second: float
    interval: Bounds  # of the difference
    p_value: float
    test: str  # MCNEMAR or BOOTSTRAP
    design: PairedDesign | None = None  # of the test, by what these runs disagree on; None: nothing to go by
    units: int = 0  # of the design: answers (of a circular question all passes together), or clusters

    @property
    def first(self) -> float:
        """The first run's value."""
        return self.metric.value

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.metric.value

    def smallest_told(self, settings: PowerSettings) -> float | None:
        """The smallest difference that the test of so many samples finds as often as wanted, in the metric's unit.

        None where the runs hardly disagree, so that nothing is known of it.
        """
        if self.design is None or self.design.spread < ROUNDING:
            return None
        told = smallest_difference(self.design, self.units, settings)
        return None if told is None else told * full_range(self.metric)


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample that the two runs score differently."""

    first: SampleScore
    second: SampleScore


def compare_metrics(
    first: Scores, second: Scores, wanted: Callable[[Metric], bool] = lambda _: True, resamples: int = RESAMPLES
) -> list[MetricComparison]:
    """Compare every wanted metric that both runs have with ratios. Samples must be the same, in the same order."""
    others = {_key(metric): metric for metric in second.metrics if metric.ratios}
    pairs = [
        (metric, others[_key(metric)])
        for metric in first.metrics
        if metric.ratios and _key(metric) in others and wanted(metric)
    ]
    if not pairs:
        return []
    clusters = cluster_indices(first.samples)
    values = resample_metrics([metric for pair in pairs for metric in pair], clusters, resamples)
    return [
        _compare(before, after, values[2 * i + 1] - values[2 * i], clusters) for i, (before, after) in enumerate(pairs)
    ]


def flips(first: Scores, second: Scores, metric: Metric) -> tuple[list[Flip], list[Flip], int]:
    """(samples won by the second run, samples lost, number of ties), among those that the metric covers."""
    won: list[Flip] = []
    lost: list[Flip] = []
    indices = covered_indices(metric, len(first.samples))
    for index in indices:
        before, after = first.samples[index], second.samples[index]
        if before.score != after.score:
            (won if after.score > before.score else lost).append(Flip(before, after))
    return won, lost, len(indices) - len(won) - len(lost)


def _key(metric: Metric) -> tuple[str, str, str]:
    return metric.name, metric.group, metric.category


def _compare(before: Metric, after: Metric, differences: Floats, clusters: Integers) -> MetricComparison:
    """The first run's metric and the second's; `differences` (resamples,) are the resampled ones, second less first."""
    import numpy as np

    count = min(num_clusters(before, clusters), num_clusters(after, clusters))
    known = differences[~np.isnan(differences)]
    low, high = np.quantile(known, quantile_levels(count)) if known.size and count else (0.0, 0.0)
    interval = (float(low), float(high))
    first, second = independent_binary_scores(before, clusters), independent_binary_scores(after, clusters)
    if first is not None and second is not None and before.ratios[0].sample_indices == after.ratios[0].sample_indices:
        wins = sum(b > a for a, b in zip(first, second, strict=True))
        losses = sum(b < a for a, b in zip(first, second, strict=True))
        design: PairedDesign = McNemarDesign((wins + losses) / max(len(first), 1))  # no samples: no disagreement
        return MetricComparison(before, after.value, interval, mcnemar(wins, losses), MCNEMAR, design, len(first))
    spread = float(np.std(known)) / full_range(before) if known.size > 1 else 0.0
    design = NormalDesign(spread * count**0.5)
    return MetricComparison(before, after.value, interval, bootstrap_p(known, count), BOOTSTRAP, design, count)


def independent_binary_scores(metric: Metric, clusters: Integers) -> Sequence[float] | None:
    """The entries of a plain mean of zeros and ones with one entry a cluster; None for any other metric.

    `clusters` (samples,) are those of `cluster_indices`.
    """
    ratio = metric.ratios[0]
    is_mean = (
        len(metric.ratios) == 1
        and metric.aggregate == "sum"
        and (ratio.denominator is None or set(ratio.denominator) <= {1})
    )
    if (
        is_mean
        and set(ratio.numerator) <= {0, 1}
        and len(set(entry_cluster_indices(ratio, clusters).tolist())) == len(ratio.numerator)
    ):
        return ratio.numerator
    return None


def bootstrap_p(differences: Floats, count: int) -> float:
    """Two-sided p value of no difference, of resampled differences (resamples,) over `count` clusters.

    Twice the smaller share of resamples on one side of 0, expanded for few clusters like the interval: p is below 5%
    exactly where the 95% interval excludes 0. One resample is added to the share, so that p can't be 0.
    """
    from scipy.special import ndtri, stdtr

    if count < 2 or not differences.size:
        return 1.0
    smaller = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    share = (smaller + 1) / (differences.size + 1)
    if share >= 0.5:
        return 1.0
    return 2 * float(stdtr(count - 1, ndtri(share) / (count / (count - 1)) ** 0.5))
