"""Scores of given numbers."""

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import mean_metric
from emma_eval.types import Metric, SampleScore, Scores


def samples(values: Sequence[float], clusters: Sequence[object] | None = None) -> tuple[SampleScore, ...]:
    """Samples "0", "1", ... with these credits, each by itself unless clusters are given."""
    names = [""] * len(values) if clusters is None else map(str, clusters)
    return tuple(
        SampleScore(str(i), value, str(value), cluster=cluster)
        for i, (value, cluster) in enumerate(zip(values, names, strict=True))
    )


def accuracy(values: Sequence[float], clusters: Sequence[object] | None = None, *more: Metric) -> Scores:
    """Scores whose first metric is the accuracy in percent."""
    return Scores((mean_metric("accuracy", values, mean_percent), *more), samples(values, clusters))
