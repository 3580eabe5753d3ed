"""Two models on the same samples: the difference of each metric, its interval, its p value, and who won where.

What both models find hard cancels out in a pair, so a paired test sees differences that two separate intervals hide.
Binary scores of independent samples go to McNemar's exact test, everything else to a bootstrap that draws the same
clusters for both models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.stats.bootstrap import RESAMPLES, Bounds, cluster_numbers, entry_clusters, resampled, tails, touched
from emma_eval.stats.exact import mcnemar
from emma_eval.stats.subset import counted_places
from emma_eval.types import Metric, SampleScore, Scores

if TYPE_CHECKING:
    from emma_eval.stats.bootstrap import Floats, Integers


MCNEMAR = "McNemar, exact"
BOOTSTRAP = "paired bootstrap"


@dataclass(frozen=True, slots=True)
class Paired:
    """One metric of two runs. Positive differences mean that the second is larger, better or not."""

    metric: Metric  # the first run's
    second: float
    interval: Bounds  # of the difference
    p_value: float
    test: str  # MCNEMAR or BOOTSTRAP

    @property
    def first(self) -> float:
        """The first run's value."""
        return self.metric.value

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.metric.value


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample on which the two runs earned different credit."""

    first: SampleScore
    second: SampleScore


def compare_metrics(
    first: Scores, second: Scores, wanted: Callable[[Metric], bool] = lambda _: True, resamples: int = RESAMPLES
) -> list[Paired]:
    """Every wanted metric that both have and that can be resampled. Samples must be the same, in the same order."""
    others = {_key(metric): metric for metric in second.metrics if metric.ratios}
    pairs = [
        (metric, others[_key(metric)])
        for metric in first.metrics
        if metric.ratios and _key(metric) in others and wanted(metric)
    ]
    if not pairs:
        return []
    clusters = cluster_numbers(first.samples)
    drawn = resampled([metric for pair in pairs for metric in pair], clusters, resamples)
    return [
        _paired(before, after, drawn[2 * i + 1] - drawn[2 * i], clusters) for i, (before, after) in enumerate(pairs)
    ]


def flips(first: Scores, second: Scores, metric: Metric) -> tuple[list[Flip], list[Flip], int]:
    """The samples the second run won, those it lost, and the number of ties, among those that the metric counts."""
    won: list[Flip] = []
    lost: list[Flip] = []
    counted = counted_places(metric, len(first.samples))
    for place in counted:
        before, after = first.samples[place], second.samples[place]
        if before.score != after.score:
            (won if after.score > before.score else lost).append(Flip(before, after))
    return won, lost, len(counted) - len(won) - len(lost)


def _key(metric: Metric) -> tuple[str, str, str]:
    return metric.name, metric.group, metric.category


def _paired(before: Metric, after: Metric, differences: Floats, clusters: Integers) -> Paired:
    import numpy as np

    count = min(touched(before, clusters), touched(after, clusters))
    known = differences[~np.isnan(differences)]
    low, high = np.quantile(known, tails(count)) if known.size and count else (0.0, 0.0)
    interval = (float(low), float(high))
    ours, theirs = _independent_hits(before, clusters), _independent_hits(after, clusters)
    if ours is not None and theirs is not None and before.ratios[0].sample_indices == after.ratios[0].sample_indices:
        wins = sum(b > a for a, b in zip(ours, theirs, strict=True))
        losses = sum(b < a for a, b in zip(ours, theirs, strict=True))
        return Paired(before, after.value, interval, mcnemar(wins, losses), MCNEMAR)
    return Paired(before, after.value, interval, bootstrap_p(known, count), BOOTSTRAP)


def _independent_hits(metric: Metric, clusters: Integers) -> Sequence[float] | None:
    """The entries of a mean of zeros and ones that has one in a cluster; None for any other metric."""
    ratio = metric.ratios[0]
    is_mean = (
        len(metric.ratios) == 1
        and metric.aggregate == "sum"
        and (ratio.denominator is None or set(ratio.denominator) <= {1})
    )
    if (
        is_mean
        and set(ratio.numerator) <= {0, 1}
        and len(set(entry_clusters(ratio, clusters).tolist())) == len(ratio.numerator)
    ):
        return ratio.numerator
    return None


def bootstrap_p(differences: Floats, count: int) -> float:
    """Two-sided p value of no difference: twice the smaller share of resamples on one side of 0.

    The share goes through the same expansion for few clusters as the interval, so that p is below 5% just where the
    95% interval leaves 0 out; one resample is added so that it can't be 0.
    """
    from scipy.special import ndtri, stdtr

    if count < 2 or not differences.size:
        return 1.0
    smaller = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    share = (smaller + 1) / (differences.size + 1)
    if share >= 0.5:
        return 1.0
    return 2 * float(stdtr(count - 1, ndtri(share) / (count / (count - 1)) ** 0.5))
