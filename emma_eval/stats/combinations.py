"""How a metric follows from its ratios: by name, so that a record of a run can be computed again without its scorer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def total(ratios: Floats) -> Floats:
    """The sum; with a scale it is a mean, a percentage, a count."""
    values: Floats = ratios.sum(axis=0)
    return values


def average_precision(ratios: Floats) -> Floats:
    """Average precision of a 0/1 score, of recall, precision and the share of missed positives among all."""
    recall, precision, missed = ratios
    values: Floats = recall * precision + missed
    return values


def bleu(ratios: Floats) -> Floats:
    """BLEU of the matches among n-grams, n = 1, 2, ..., and last of caption length over reference length."""
    import numpy as np

    matches, lengths = ratios[:-1], ratios[-1]
    brevity = np.exp(np.minimum(0.0, 1 - 1 / lengths))
    values: Floats = matches.prod(axis=0) ** (1 / len(matches)) * brevity
    return values


def guarded_f1(ratios: Floats) -> Floats:
    """AMBER's F1 of precision and recall, rounded to a tenth of a percent, and of what keeps it from dividing by 0."""
    precision, recall, guard = ratios[0].round(3), ratios[1].round(3), ratios[2]
    values: Floats = 2 * precision * recall / (precision + recall + guard)
    return values


def meteor(ratios: Floats) -> Floats:
    """METEOR 1.5 of precision, recall and chunks over matched words, with its parameters for English."""
    import numpy as np

    precision, recall, fragmentation = ratios
    weighed = 0.85 * precision + 0.15 * recall
    mean = np.divide(precision * recall, weighed, out=np.zeros_like(weighed), where=weighed != 0)
    values: Floats = mean * (1 - 0.6 * fragmentation**0.2)
    return values


def jackknifed_square(ratios: Floats) -> Floats:
    """The square of a mean of jackknife pseudo-values, which are those of a metric's square root."""
    import numpy as np

    values: Floats = np.maximum(ratios[0], 0.0) ** 2
    return values


COMBINATIONS: dict[str, Callable[[Any], Any]] = {
    "sum": total,
    "average_precision": average_precision,
    "bleu": bleu,
    "guarded_f1": guarded_f1,
    "jackknifed_square": jackknifed_square,
    "meteor": meteor,
}

# Their parts hold for all samples together, and say nothing of some of them.
OF_ALL_SAMPLES = frozenset({"jackknifed_square"})
