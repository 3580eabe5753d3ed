"""Bootstrap over clusters: questions on one image are right or wrong together, so they are resampled together.

A metric is a function of sums over samples (`types.Ratio`), so a resample needs no scorer: how often each cluster was
drawn, times what each cluster adds, gives the sums of all metrics at once as one matrix product.

Intervals are percentiles of 2,000 resamples, moved outwards for few clusters by Hesterberg's expanded percentile
method (The American Statistician 69:4, 2015): plain percentiles are too narrow by the factor
z / (t * sqrt(n / (n - 1))).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from emma_eval.stats.combinations import COMBINATIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emma_eval.types import Metric, Ratio, SampleScore, Scores

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

RESAMPLES = 2000
LEVEL = 0.95
SEED = 20150815  # any number: the same data then give the same interval to the last digit
CHUNK = 64  # resamples at a time; 64 x 40,504 images are 20 MB
ROUNDING = 1e-9  # of a metric's full range: what differs by less is equal

Bounds = tuple[float, float]


def intervals(scores: Scores) -> list[Bounds | str]:
    """The 95% interval of each metric, or in words why there is none."""
    clusters = cluster_numbers(scores.samples)
    counts = [touched(metric, clusters) for metric in scores.metrics]
    metrics = [metric for metric, count in zip(scores.metrics, counts, strict=True) if count]
    drawn = iter(resampled(metrics, clusters) if metrics else ())
    return [
        _interval(metric, next(drawn), count, scores.cluster_unit) if count else _without_parts(metric)
        for metric, count in zip(scores.metrics, counts, strict=True)
    ]


def _without_parts(metric: Metric) -> str:
    if metric.n == 0:
        return "no sample counts for it"
    return "the scorer does not say what each sample adds to it"


def cluster_numbers(samples: Sequence[SampleScore]) -> Integers:
    """The number of each sample's cluster, from 0 on; a sample without one is its own."""
    import numpy as np

    numbers: dict[object, int] = {}
    keys = (sample.cluster or (place,) for place, sample in enumerate(samples))
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64, len(samples))


def resampled(metrics: Sequence[Metric], clusters: Integers, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """The metrics of each resample, shape (metrics, resamples); NaN where a resample holds nothing to compute one of.

    Calls with equal `clusters`, `resamples` and `seed` draw the same clusters, which makes two models' values pairs.
    """
    import numpy as np
    from scipy.sparse import csr_array

    ratios = {id(ratio): ratio for metric in metrics for ratio in metric.ratios}
    of_cluster = _sums_by_cluster(list(ratios.values()), clusters)
    # Sparse, as most clusters add nothing to most categories; and always summed in the same order, where a threaded
    # BLAS changes last digits with the number of its threads.
    transposed = csr_array(of_cluster.T)
    sums = np.concatenate([(transposed @ drawn).T for drawn in _draws(len(of_cluster), resamples, seed)])
    values = dict(zip(ratios, _quotients(sums, of_cluster.sum(axis=0)), strict=True))
    return np.stack([combined(metric, np.stack([values[id(ratio)] for ratio in metric.ratios])) for metric in metrics])


def combined(metric: Metric, ratios: Floats) -> Floats:
    """The metric of its ratios' values, shape (ratios, resamples)."""
    values: Floats = metric.scale * COMBINATIONS[metric.aggregate](ratios)
    return values


def value_of(metric: Metric, samples: Sequence[SampleScore]) -> float:
    """The metric computed from its ratios: its value, but for rounding."""
    import numpy as np

    one_cluster = np.zeros(len(samples), dtype=np.int64)
    sums = _sums_by_cluster(metric.ratios, one_cluster)
    return float(combined(metric, _quotients(sums, sums[0]))[0])


def _sums_by_cluster(ratios: Sequence[Ratio], clusters: Integers) -> Floats:
    """What each cluster adds to tops and bottoms, shape (clusters, 2 x ratios): all tops, then all bottoms."""
    import numpy as np

    size = int(clusters.max()) + 1
    columns = np.empty((size, 2 * len(ratios)))
    for number, ratio in enumerate(ratios):
        of_entry = entry_clusters(ratio, clusters)
        columns[:, number] = np.bincount(of_entry, np.asarray(ratio.numerator, dtype=float), size)
        bottom = None if ratio.denominator is None else np.asarray(ratio.denominator, dtype=float)
        columns[:, len(ratios) + number] = np.bincount(of_entry, bottom, size)
    return columns


def entry_clusters(ratio: Ratio, clusters: Integers) -> Integers:
    """The cluster of each of the ratio's entries."""
    import numpy as np

    return clusters if ratio.sample_indices is None else clusters[np.asarray(ratio.sample_indices, dtype=np.int64)]


def _draws(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each cluster was drawn in each resample, in chunks of shape (clusters, resamples)."""
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        drawn = np.empty((min(CHUNK, resamples - start), clusters))
        for row in drawn:
            row[:] = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        yield np.ascontiguousarray(drawn.T)


def _quotients(sums: Floats, whole: Floats) -> Floats:
    """Tops over bottoms, shape (ratios, resamples).

    A bottom that is 0 in all the data gives 0, one that is so in a resample alone gives NaN.
    """
    import numpy as np

    count = sums.shape[1] // 2
    tops, bottoms = sums[:, :count].T, sums[:, count:].T
    undefined = np.where(whole[count:] == 0, 0.0, np.nan)[:, None]
    quotients: Floats = np.divide(tops, bottoms, out=np.broadcast_to(undefined, tops.shape).copy(), where=bottoms != 0)
    return quotients


def _interval(metric: Metric, values: Floats, count: int, resampled: str) -> Bounds | str:
    import numpy as np

    known = values[~np.isnan(values)]
    low, high = (float(bound) for bound in np.quantile(known, tails(count))) if known.size else (0.0, 0.0)
    if high - low > ROUNDING * full_range(metric):
        return low, high
    return without_spread(metric, count) or (
        f"there is one {resampled} alone to resample" if count == 1 else f"every {resampled} adds the same to it"
    )


def touched(metric: Metric, clusters: Integers) -> int:
    """How many clusters the metric is computed over."""
    import numpy as np

    if not metric.ratios:
        return 0
    return int(np.unique(np.concatenate([entry_clusters(ratio, clusters) for ratio in metric.ratios])).size)


def tails(count: int) -> tuple[float, float]:
    """The shares of resamples below and above the interval, for so many clusters: (0.025, 0.975) for very many."""
    from scipy.special import ndtr, stdtrit

    if count < 2:
        return 0.0, 1.0
    outer = float(ndtr(stdtrit(count - 1, (1 - LEVEL) / 2) * (count / (count - 1)) ** 0.5))
    return outer, 1 - outer


def without_spread(metric: Metric, count: int) -> Bounds | None:
    """The interval where all resamples agree, as they do when every answer is right: a bootstrap is blind there.

    If a share p of clusters were otherwise, `count` of them would all be alike with probability (1 - p)^count; the
    bound is the largest p for which that is not below 2.5%: Clopper and Pearson's, for a share of clusters. None where
    the value is neither the least nor the largest possible, or samples can be worth more than the full range.
    """
    most = full_range(metric)
    unseen = 1 - ((1 - LEVEL) / 2) ** (1 / count)
    if not metric.value_is_bounded:
        return None
    if metric.value <= ROUNDING * most:
        return 0.0, most * unseen
    if abs(metric.value - most) <= ROUNDING * most:
        return most * (1 - unseen), metric.value
    return None


def full_range(metric: Metric) -> float:
    """The metric when every ratio is 1: 100 for a percentage, 2,800 for MME's score."""
    return metric.scale * (len(metric.ratios) if metric.aggregate == "sum" else 1)
