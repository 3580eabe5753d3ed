"""Means over samples with bootstrap intervals, in which samples of one image are drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emma_eval.stats.bootstrap import cluster_indices, num_clusters, quantile_levels, resample_metrics
from emma_eval.types import Metric, Ratio, SampleScore

Floats = NDArray[np.float64]


class Mean(NamedTuple):
    """A mean and its 95% interval; all NaN where no sample has a value."""

    value: float
    low: float
    high: float


def means(values: Floats, clusters: Sequence[str]) -> list[Mean]:
    """The mean of each column of values (samples, M), over the samples that have one, which is not NaN.

    Percentiles of 2,000 resamples of `clusters` (samples,), expanded for few clusters as in `stats.bootstrap`. Equal
    clusters give equal draws: the difference of two columns is as good as paired.
    """
    of_sample = cluster_indices([SampleScore(str(index), 0, "", cluster=name) for index, name in enumerate(clusters)])
    known = np.isfinite(values)
    columns = [np.flatnonzero(column) for column in known.T]
    metrics = [_metric(values[:, column], rows) for column, rows in enumerate(columns) if len(rows)]
    draws = iter(resample_metrics(metrics, of_sample) if metrics else ())
    whole = iter(metrics)
    return [_mean(next(whole), next(draws), of_sample) if len(rows) else Mean(*3 * [np.nan]) for rows in columns]


def _metric(values: Floats, rows: NDArray[np.int64]) -> Metric:
    ratio = Ratio(values[rows].tolist(), sample_indices=rows.tolist())
    return Metric("mean", float(values[rows].mean()), len(rows), "number", ratios=(ratio,))


def _mean(metric: Metric, draws: Floats, clusters: NDArray[np.int64]) -> Mean:
    drawn = draws[np.isfinite(draws)]
    low, high = np.quantile(drawn, quantile_levels(num_clusters(metric, clusters)))
    return Mean(metric.value, float(low), float(high))
