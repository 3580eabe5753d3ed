"""Means of what was measured on samples, with intervals, and how much of a feature is the same for all samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emma_eval.interpretability.analysis.labels import answer_label
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.interpretability.analysis.subject import Item
from emma_eval.stats.bootstrap import intervals
from emma_eval.types import Metric, Ratio, SampleScore, Scores

MOST_ANSWERS = 8  # of a task that have a row of their own
LEAST_SAMPLES = 10  # of an answer that has one


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over samples; the interval is None where it can't be told, as of one image alone."""

    value: float
    interval: tuple[float, float] | None
    samples: int

    @property
    def cells(self) -> tuple[float, float | None, float | None]:
        """Value, low, high, for a table."""
        return (self.value, *(self.interval or (None, None)))

    def __str__(self) -> str:
        """`0.82 [0.8, 0.84]`, three significant digits."""
        shown = "" if self.interval is None else f" [{self.interval[0]:.3g}, {self.interval[1]:.3g}]"
        return f"{self.value:.3g}{shown}"


def group_means(values: Floats, groups: Mapping[str, Sequence[int]], clusters: Sequence[str]) -> dict[str, Mean]:
    """The mean of each group's values with its 95% interval; `values` (n,), groups are indices, none of them empty.

    The intervals are `stats.bootstrap`'s, which draws clusters with all their samples.
    """
    samples = tuple(SampleScore(str(number), 0.0, "", cluster=cluster) for number, cluster in enumerate(clusters))
    metrics = tuple(
        Metric(
            name,
            float(values[indices].mean()),
            len(indices),
            "number",
            ratios=(Ratio(values[indices].tolist(), sample_indices=indices),),
            value_is_bounded=False,
        )
        for name, indices in ((name, list(chosen)) for name, chosen in groups.items())
    )
    bounds = intervals(Scores(metrics, samples))
    return {
        metric.name: Mean(metric.value, None if isinstance(bound, str) else bound, metric.n)
        for metric, bound in zip(metrics, bounds, strict=True)
    }


def column_means(values: Floats, clusters: Sequence[str]) -> list[Mean | None]:
    """The mean of each column of values (n, M) over the samples that have one, which is not NaN; None if none has.

    All columns are resampled by the same draws.
    """
    rows, columns = values.shape
    flat = values.T.ravel()
    known = {
        str(column): found for column in range(columns) if len(found := np.flatnonzero(np.isfinite(values[:, column])))
    }
    groups = {name: (found + int(name) * rows).tolist() for name, found in known.items()}
    means = group_means(flat, groups, [*clusters] * columns)
    return [means.get(str(column)) for column in range(columns)]


def groups_of(items: Sequence[Item]) -> dict[str, dict[str, list[int]]]:
    """Indices of the items, in groups: kind of group -> `task: group` -> indices.

    By task, by the task's main category, by whether the answer is right, and by the model's most frequent answers.
    """
    kinds: dict[str, dict[str, list[int]]] = {"task": {}, "category": {}, "correctness": {}, "answer": {}}
    counts = Counter((item.task, answer_label(item.sample, item.answer)) for item in items)
    frequent = {
        key
        for task in dict.fromkeys(item.task for item in items)
        for key, count in Counter({key: counts[key] for key in counts if key[0] == task}).most_common(MOST_ANSWERS)
        if count >= LEAST_SAMPLES
    }
    for index, item in enumerate(items):
        answer = answer_label(item.sample, item.answer)
        names = {
            "task": item.task,
            "category": f"{item.task}: {item.sample.category}" if item.sample.category else "",
            "correctness": f"{item.task}: {correctness(item.score)}" if item.score is not None else "",
            "answer": f"{item.task}: {answer if (item.task, answer) in frequent else 'all other answers'}",
        }
        for kind, name in names.items():
            if name:
                kinds[kind].setdefault(name, []).append(index)
    return {kind: dict(sorted(groups.items())) if kind != "task" else groups for kind, groups in kinds.items()}


def correctness(score: float) -> str:
    """`right`, `partly right`, `wrong`."""
    return "right" if score == 1 else "wrong" if score == 0 else "partly right"


@dataclass
class Variation:
    """How much of a feature (N, Dv) differs between samples: 1 if its mean is zero, 0 if it is always the same."""

    _sum: Tensor | None = field(default=None, init=False)
    _squares: float = field(default=0.0, init=False)
    _count: int = field(default=0, init=False)

    def add(self, features: Tensor) -> None:
        """Features (B, N, Dv)."""
        found = features.sum(0, dtype=torch.float64).cpu()
        self._sum = found if self._sum is None else self._sum + found
        self._squares += float((features.double() ** 2).sum())
        self._count += len(features)

    @property
    def share(self) -> float | None:
        """Sum |c - mean c|^2 / (n - 1) over mean |c|^2; None of fewer than two samples or of zeros."""
        if self._count < 2 or self._sum is None or self._squares == 0:
            return None
        mean_square = self._squares / self._count
        square_of_mean = float((self._sum / self._count).square().sum())
        share = (mean_square - square_of_mean) * self._count / (self._count - 1) / mean_square
        return float(np.clip(share, 0.0, 1.0))
