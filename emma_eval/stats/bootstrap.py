"""Bootstrap intervals over clusters.

Questions on one image are right or wrong together, so whole images (clusters) are drawn, with all their questions.
A metric is a function of ratios of sums over samples (`types.Ratio`). A resample therefore needs no scorer: the matrix
product of draw counts (how often each cluster was drawn) and cluster sums gives numerators and denominators of all
metrics at once.

Intervals are percentiles of 2,000 resamples. Plain percentiles are too narrow for n clusters by the factor
z / (t * sqrt(n / (n - 1))), so Hesterberg's expanded percentiles are taken (The American Statistician 69:4, 2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from emma_eval.stats.aggregations import AGGREGATIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emma_eval.types import Metric, Ratio, SampleScore, Scores

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

RESAMPLES = 2000
LEVEL = 0.95
SEED = 20150815  # fixed: equal data give equal intervals to the last digit
CHUNK = 64  # resamples at a time; 64 x 40,504 images are 20 MB
ROUNDING = 1e-9  # share of a metric's full range; smaller differences are rounding

Bounds = tuple[float, float]


def intervals(scores: Scores) -> list[Bounds | str]:
    """The 95% interval of each metric, or the reason why it has none."""
    clusters = cluster_indices(scores.samples)
    counts = [num_clusters(metric, clusters) for metric in scores.metrics]
    metrics = [metric for metric, count in zip(scores.metrics, counts, strict=True) if count]
    resamples = iter(resample_metrics(metrics, clusters) if metrics else ())
    return [
        _interval(metric, next(resamples), count, scores.cluster_unit) if count else _reason_for_none(metric)
        for metric, count in zip(scores.metrics, counts, strict=True)
    ]


def _reason_for_none(metric: Metric) -> str:
    if metric.n == 0:
        return "no sample counts for it"
    return "the scorer does not say what each sample adds to it"


def cluster_indices(samples: Sequence[SampleScore]) -> Integers:
    """Each sample's cluster as an index from 0, shape (samples,). A sample without a cluster is one by itself."""
    import numpy as np

    index_of: dict[object, int] = {}
    keys = (sample.cluster or (index,) for index, sample in enumerate(samples))
    return np.fromiter((index_of.setdefault(key, len(index_of)) for key in keys), np.int64, len(samples))


def resample_metrics(
    metrics: Sequence[Metric], clusters: Integers, resamples: int = RESAMPLES, seed: int = SEED
) -> Floats:
    """Bootstrap values, shape (metrics, resamples); NaN where a resample has no sample that counts for a metric.

    Equal `clusters`, `resamples` and `seed` give equal draws, so the values of two models form pairs.
    """
    import numpy as np
    from scipy.sparse import csr_array

    ratios = list(dict.fromkeys(ratio for metric in metrics for ratio in metric.ratios))  # metrics may share some
    row_of = {ratio: row for row, ratio in enumerate(ratios)}
    cluster_sums = _sums_by_cluster(ratios, clusters)
    # Sparse: most clusters add nothing to most categories. It also adds in a fixed order, where a threaded BLAS changes
    # last digits with the number of threads.
    transposed = csr_array(cluster_sums.T)
    sums = np.concatenate([(transposed @ counts).T for counts in draw_counts(len(cluster_sums), resamples, seed)])
    quotients = _quotients(sums, cluster_sums.sum(axis=0))
    return np.stack(
        [aggregate_ratios(metric, quotients[[row_of[ratio] for ratio in metric.ratios]]) for metric in metrics]
    )


def aggregate_ratios(metric: Metric, quotients: Floats) -> Floats:
    """The metric of its ratios' quotients: (ratios, resamples) -> (resamples,)."""
    values: Floats = metric.scale * AGGREGATIONS[metric.aggregate](quotients)
    return values


def recompute(metric: Metric, samples: Sequence[SampleScore]) -> float:
    """The metric computed from its ratios. It equals `metric.value` up to rounding."""
    import numpy as np

    one_cluster = np.zeros(len(samples), dtype=np.int64)
    sums = _sums_by_cluster(metric.ratios, one_cluster)
    return float(aggregate_ratios(metric, _quotients(sums, sums[0]))[0])


def _sums_by_cluster(ratios: Sequence[Ratio], clusters: Integers) -> Floats:
    """Each cluster's sums, shape (clusters, 2 x ratios): first all numerators, then all denominators."""
    import numpy as np

    size = int(clusters.max()) + 1
    columns = np.empty((size, 2 * len(ratios)))
    for index, ratio in enumerate(ratios):
        of_entry = entry_cluster_indices(ratio, clusters)
        columns[:, index] = np.bincount(of_entry, np.asarray(ratio.numerator, dtype=float), size)
        denominator = None if ratio.denominator is None else np.asarray(ratio.denominator, dtype=float)
        columns[:, len(ratios) + index] = np.bincount(of_entry, denominator, size)
    return columns


def entry_cluster_indices(ratio: Ratio, clusters: Integers) -> Integers:
    """The cluster of each entry of the ratio, shape (entries,)."""
    import numpy as np

    return clusters if ratio.sample_indices is None else clusters[np.asarray(ratio.sample_indices, dtype=np.int64)]


def draw_counts(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each cluster is drawn in each resample, in chunks of shape (clusters, CHUNK)."""
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        counts = np.empty((min(CHUNK, resamples - start), clusters))
        for row in counts:
            row[:] = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        yield np.ascontiguousarray(counts.T)


def _quotients(sums: Floats, total: Floats) -> Floats:
    """Numerators over denominators, (ratios, resamples), of sums (resamples, 2 x ratios) and totals (2 x ratios,).

    A denominator that is 0 in all the data gives 0; one that is 0 in a resample alone gives NaN.
    """
    import numpy as np

    count = sums.shape[1] // 2
    numerators, denominators = sums[:, :count].T, sums[:, count:].T
    undefined = np.where(total[count:] == 0, 0.0, np.nan)[:, None]
    out = np.broadcast_to(undefined, numerators.shape).copy()
    quotients: Floats = np.divide(numerators, denominators, out=out, where=denominators != 0)
    return quotients


def _interval(metric: Metric, values: Floats, count: int, cluster_unit: str) -> Bounds | str:
    import numpy as np

    known = values[~np.isnan(values)]
    low, high = (float(bound) for bound in np.quantile(known, quantile_levels(count))) if known.size else (0.0, 0.0)
    if high - low > ROUNDING * full_range(metric):
        return low, high
    return degenerate_interval(metric, count) or (
        f"there is one {cluster_unit} alone to resample" if count == 1 else f"every {cluster_unit} adds the same to it"
    )


def num_clusters(metric: Metric, clusters: Integers) -> int:
    """How many clusters the metric is computed over, by those of the samples (samples,); 0 if it has no ratios."""
    import numpy as np

    if not metric.ratios:
        return 0
    return int(np.unique(np.concatenate([entry_cluster_indices(ratio, clusters) for ratio in metric.ratios])).size)


def quantile_levels(count: int) -> tuple[float, float]:
    """The expanded percentile levels for `count` clusters; (0.025, 0.975) in the limit of many."""
    from scipy.special import ndtr, stdtrit

    if count < 2:
        return 0.0, 1.0
    lower = float(ndtr(stdtrit(count - 1, (1 - LEVEL) / 2) * (count / (count - 1)) ** 0.5))
    return lower, 1 - lower


def degenerate_interval(metric: Metric, count: int) -> Bounds | None:
    """The interval where all resamples agree, for example because every answer is right.

    If a share p of clusters were otherwise, all `count` clusters would still agree with probability (1 - p)^count. The
    bound is the largest p for which this is at least 2.5%: Clopper and Pearson's bound for a share of clusters. None if
    the value is neither the smallest nor the largest possible, or if samples can add more than the full range.
    """
    largest = full_range(metric)
    share = 1 - ((1 - LEVEL) / 2) ** (1 / count)
    if not metric.value_is_bounded:
        return None
    if metric.value <= ROUNDING * largest:
        return 0.0, largest * share
    if abs(metric.value - largest) <= ROUNDING * largest:
        return largest * (1 - share), metric.value
    return None


def full_range(metric: Metric) -> float:
    """The metric's value when every ratio is 1: 100 for a percentage, 2,800 for MME's score."""
    return metric.scale * (len(metric.ratios) if metric.aggregate == "sum" else 1)
