"""Whether confidence can be believed: calibration errors, Brier score and selective accuracy, with 95% intervals.

Confidence is the probability that a model gives to the choice it prefers. Formulas and sources: docs/robustness.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emma_eval.robustness.selective import COVERAGES, RiskCoverage
from emma_eval.stats.bootstrap import (
    CHUNK,
    RESAMPLES,
    ROUNDING,
    SEED,
    draw_counts,
    quantile_levels,
)
from emma_eval.stats.proportion import share_interval
from emma_eval.utils.records import Record

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BINS = 15


class Estimate(Record):
    """A number and its 95% interval."""

    value: float
    interval: tuple[float, float] | None = Field(description="none where all resamples agree")


class ReliabilityBin(Record):
    """Answers of like confidence."""

    above: float = Field(description="confidence is above this")
    up_to: float
    answers: int
    confidence: float = Field(description="mean")
    accuracy: float
    interval: tuple[float, float] = Field(description="95%, of the accuracy, by Clopper and Pearson")


class Calibration(Record):
    """How confidence and correctness go together; all numbers are fractions."""

    answers: int
    clusters: int = Field(description="images or questions that are resampled")
    accuracy: Estimate = Field(description="of the choice with the largest probability")
    confidence: Estimate = Field(description="mean")
    ece: Estimate = Field(description="expected calibration error, 15 bins of equal width")
    ece_by_chance: float = Field(description="mean ECE of so many answers of these confidences if calibrated")
    p_calibrated: float = Field(description="how probable such an ECE or a larger one then is")
    adaptive_ece: Estimate = Field(description="the same, 15 bins of equally many answers")
    debiased_rms: Estimate = Field(description="root mean square calibration error of these bins, debiased")
    brier: Estimate
    aurc: Estimate = Field(description="area under the risk-coverage curve")
    selective_accuracy: dict[str, Estimate] = Field(description="coverage -> accuracy of the most confident answers")
    bins: tuple[ReliabilityBin, ...] = Field(description="those of equal width that hold answers")


ERRORS = ("ece", "adaptive_ece")  # to which noise adds
SHARES = ("accuracy", *(f"{one:.0%}" for one in COVERAGES))  # of right answers
SQUARE, DEBIASED = "square", "debiased square"

Statistics = Callable[[Floats], Mapping[str, Floats]]  # weights of answers (n, R) -> values (R,) by name


def calibrate(confidence: Floats, is_correct: Floats, clusters: Integers) -> Calibration:
    """All numbers of n answers, at least one: (n,) each. Clusters, numbered from 0, are resampled whole."""
    wide = BinSums(confidence, is_correct, equal_width_edges())
    even = BinSums(confidence, is_correct, equal_mass_edges(confidence))
    curve = RiskCoverage(confidence, is_correct)
    terms = {"accuracy": is_correct, "confidence": confidence, "brier": (confidence - is_correct) ** 2}

    def statistics(weights: Floats) -> Mapping[str, Floats]:
        total = weights.sum(axis=0)
        return (
            {name: values @ weights / total for name, values in terms.items()}
            | {"ece": wide.expected_error(weights), "adaptive_ece": even.expected_error(weights)}
            | even.mean_squares(weights)
            | curve.summary(weights)
        )

    found = _estimates(statistics, clusters)
    by_chance = wide.errors_by_chance()
    selective = {name: found.pop(name) for name in list(found) if name.endswith("%")}
    return Calibration(
        answers=len(confidence),
        clusters=int(clusters.max()) + 1,
        ece_by_chance=float(by_chance.mean()),
        p_calibrated=float((by_chance >= found["ece"].value - ROUNDING).sum() + 1) / (RESAMPLES + 1),
        selective_accuracy=selective,
        bins=tuple(_reliability_bins(wide)),
        **found,
    )


def equal_width_edges() -> Floats:
    """The upper ends (15,) of bins from 0 to 1, of which each has its own: (0, 1/15], (1/15, 2/15], ..."""
    return np.arange(1, BINS + 1) / BINS


def equal_mass_edges(confidence: Floats) -> Floats:
    """The upper ends (B,) of at most 15 bins of equally many answers of confidence (n,), as Kumar et al. cut them.

    An end lies midway between two answers; where these are equal, fewer and larger bins remain.
    """
    parts = np.array_split(np.sort(confidence), min(BINS, len(confidence)))
    middles = [(one[-1] + other[0]) / 2 for one, other in pairwise(parts)]
    return np.unique([*middles, 1.0])


class BinSums:
    """Answers in bins of confidence, of which `edges` (B,) are the upper ends."""

    def __init__(self, confidence: Floats, is_correct: Floats, edges: Floats) -> None:
        """Confidence and correctness are (n,)."""
        from scipy.sparse import csr_array

        self.n = n = len(confidence)
        bins = np.minimum(np.searchsorted(edges, confidence), len(edges) - 1)  # what rounding puts above 1 is 1
        place = (bins, np.arange(n))
        self.edges, self.confidence = edges, confidence
        self._matrices = [csr_array((one, place), (len(edges), n)) for one in (np.ones(n), confidence, is_correct)]

    def sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Numbers of answers, sums of confidence and of correctness, (B, R) each, for weights (n, R)."""
        counts, confidence, correct = (matrix @ weights for matrix in self._matrices)
        return counts, confidence, correct

    def expected_error(self, weights: Floats) -> Floats:
        """The mean over answers of |accuracy - mean confidence| of their bins, (R,): Guo et al. 2017, equation 3."""
        counts, confidence, correct = self.sums(weights)
        return np.asarray(np.abs(correct - confidence).sum(axis=0) / counts.sum(axis=0))

    def errors_by_chance(self) -> Floats:
        """Expected errors (2,000,) of a calibrated model: each answer is right with the probability of its confidence.

        Consistency resampling (Broecker and Smith 2007; Vaicenavicius et al. 2019); answers are drawn independently.
        """
        random = np.random.default_rng(SEED)
        expected = self.confidence[:, None]
        errors = []
        for start in range(0, RESAMPLES, CHUNK):
            size = (self.n, min(CHUNK, RESAMPLES - start))
            surplus = self._matrices[0] @ ((random.random(size) < expected) - expected)  # (B, R)
            errors.append(np.abs(surplus).sum(axis=0) / self.n)
        return np.concatenate(errors)

    def mean_squares(self, weights: Floats) -> dict[str, Floats]:
        """The mean over answers of their bins' squared difference, (R,): as it is, and debiased (Kumar et al. 2019).

        From each bin's square goes the variance of its accuracy; a bin of one answer then counts as 0.
        """
        counts, confidence, correct = self.sums(weights)
        held = np.maximum(counts, 1)
        accuracy = correct / held
        squares = (confidence / held - accuracy) ** 2
        variance = accuracy * (1 - accuracy) / np.maximum(counts - 1, 1)
        debiased = np.where(counts > 1, squares - variance, 0)
        total = counts.sum(axis=0)
        return {SQUARE: (squares * counts).sum(axis=0) / total, DEBIASED: (debiased * counts).sum(axis=0) / total}


def _reliability_bins(bins: BinSums) -> Iterator[ReliabilityBin]:
    """The bins that hold answers."""
    columns = (values[:, 0].tolist() for values in bins.sums(np.ones((bins.n, 1))))
    low = 0.0
    for high, count, confidence, correct in zip(bins.edges.tolist(), *columns, strict=True):
        if count:
            yield ReliabilityBin(
                above=low,
                up_to=high,
                answers=round(count),
                confidence=confidence / count,
                accuracy=correct / count,
                interval=share_interval(round(correct), round(count)),
            )
        low = high


def _estimates(statistics: Statistics, clusters: Integers) -> dict[str, Estimate]:
    """Every statistic with its interval, by a bootstrap over clusters.

    Percentiles, widened for few clusters as in `stats.bootstrap`. A resample is noisier than the data, and noise adds
    to a calibration error, so its percentiles lie too high: of ERRORS they are mirrored at the value (the basic
    bootstrap), cut at 0. The debiased square's resamples lie around the plain square, so their distances to it are
    taken, as Kumar et al. do, before the root.
    """
    count = int(clusters.max()) + 1
    values = {name: float(value[0]) for name, value in statistics(np.ones((len(clusters), 1))).items()}
    bounds: dict[str, tuple[float, float]] = {}
    if count > 1:
        drawn = [statistics(counts[clusters]) for counts in draw_counts(count, RESAMPLES, SEED)]
        for name in values:
            resampled = np.concatenate([part[name] for part in drawn])
            low, high = np.quantile(resampled, quantile_levels(count)).tolist()
            bounds[name] = (low, high)
    found = {name: _estimate(name, value, bounds.get(name), count) for name, value in values.items()}
    del found[SQUARE]
    root, around = max(0.0, values[DEBIASED]) ** 0.5, values[DEBIASED] + values[SQUARE]
    low, high = bounds.get(DEBIASED, (0.0, 0.0))
    interval = (max(0.0, around - high) ** 0.5, max(0.0, around - low) ** 0.5) if low < high else None
    found["debiased_rms"] = Estimate(value=root, interval=interval)
    del found[DEBIASED]
    return found


def _estimate(name: str, value: float, bounds: tuple[float, float] | None, count: int) -> Estimate:
    """With the exact interval where every answer is right or every one wrong; with none where no resample differs."""
    low, high = bounds or (value, value)
    if high - low <= ROUNDING:
        is_share = name in SHARES and count > 1 and min(abs(value), abs(1 - value)) <= ROUNDING
        size = ceil(count * (float(name.rstrip("%")) / 100 if name.endswith("%") else 1))  # clusters that it is of
        return Estimate(value=value, interval=share_interval(round(value) * size, size) if is_share else None)
    if name in ERRORS:
        low, high = max(0.0, 2 * value - high), max(0.0, 2 * value - low)
    return Estimate(value=value, interval=(low, high))
