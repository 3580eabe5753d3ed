"""How a metric follows from its ratios, by name: a run's record is computed again without its scorer.

Each function maps quotients of shape (ratios, resamples) to values of shape (resamples,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def total(ratios: Floats) -> Floats:
    """The sum. With `Metric.scale` it is a mean, a percentage or a count."""
    values: Floats = ratios.sum(axis=0)
    return values


def average_precision(ratios: Floats) -> Floats:
    """Average precision of a 0/1 prediction; ratios: recall, precision, false negatives over all samples."""
    recall, precision, missed = ratios
    values: Floats = recall * precision + missed
    return values


def bleu(ratios: Floats) -> Floats:
    """BLEU (Papineni et al. 2002); ratios: precisions of n-grams, n = 1, 2, ..., then caption over reference length."""
    import numpy as np

    precisions, lengths = ratios[:-1], ratios[-1]
    brevity_penalty = np.exp(np.minimum(0.0, 1 - 1 / lengths))
    values: Floats = precisions.prod(axis=0) ** (1 / len(precisions)) * brevity_penalty
    return values


def guarded_f1(ratios: Floats) -> Floats:
    """AMBER's F1; ratios: precision and recall (both rounded to 0.1%), and the guard against division by zero."""
    precision, recall, guard = ratios[0].round(3), ratios[1].round(3), ratios[2]
    values: Floats = 2 * precision * recall / (precision + recall + guard)
    return values


def meteor(ratios: Floats) -> Floats:
    """METEOR 1.5 (Denkowski and Lavie 2014) for English; ratios: precision, recall, chunks over matched words."""
    import numpy as np

    precision, recall, fragmentation = ratios
    weighted = 0.85 * precision + 0.15 * recall
    f_mean = np.divide(precision * recall, weighted, out=np.zeros_like(weighted), where=weighted != 0)
    values: Floats = f_mean * (1 - 0.6 * fragmentation**0.2)
    return values


def jackknifed_square(ratios: Floats) -> Floats:
    """The square of a mean of jackknife pseudo-values of the metric's square root (negative means count as 0)."""
    import numpy as np

    values: Floats = np.maximum(ratios[0], 0.0) ** 2
    return values


AGGREGATIONS: dict[str, Callable[[Any], Any]] = {
    "sum": total,
    "average_precision": average_precision,
    "bleu": bleu,
    "guarded_f1": guarded_f1,
    "jackknifed_square": jackknifed_square,
    "meteor": meteor,
}

# Their ratios hold for the whole set of samples; a subset can't be computed from them.
NEEDS_ALL_SAMPLES = frozenset({"jackknifed_square"})
