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


COMBINATIONS: dict[str, Callable[[Any], Any]] = {"sum": total, "average_precision": average_precision}
