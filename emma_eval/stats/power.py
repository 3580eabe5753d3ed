"""How large a difference a paired test can tell, and how many samples it takes: exact for McNemar's test, else normal.

McNemar's exact test looks at the samples that one of two runs alone has right. Of n samples a binomial number is so, by
the disagreement (the share of such samples), and given that number the second run's wins are binomial too. So its power
is a sum over that number, without approximation (Miettinen 1968 and Connor 1987 approximate it). A bootstrap's p value
is about that of a normal test with the same standard error, which shrinks with the root of the number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emma_eval.stats.bootstrap import Floats

MOST_SAMPLES = 10**9  # a plan of more is none
TAIL = 8.0  # standard deviations of the number of disagreements that are summed over


@dataclass(frozen=True, slots=True)
class PowerSettings:
    """When a difference counts as found, and how often it should be."""

    alpha: float = 0.05  # two-sided
    power: float = 0.8


class PairedDesign(Protocol):
    """A paired test of two runs, for any number of samples. Differences are shares of the metric's full range."""

    def power(self, samples: int, difference: float, alpha: float) -> float:
        """How often the test finds the difference, 0 to 1."""
        ...

    @property
    def largest(self) -> float:
        """The largest difference there can be."""
        ...

    @property
    def spread(self) -> float:
        """The standard deviation of what one sample adds to the difference; 0 of two runs that never disagree."""
        ...


@dataclass(frozen=True, slots=True)
class McNemarDesign:
    """Right or wrong answers to independent samples; the runs disagree on this share of them."""

    disagreement: float

    @property
    def largest(self) -> float:
        """The disagreement: one run has right whatever they disagree on."""
        return self.disagreement

    @property
    def spread(self) -> float:
        """That of two equally good runs."""
        return math.sqrt(self.disagreement)

    def power(self, samples: int, difference: float, alpha: float) -> float:
        """How often the exact two-sided test finds the difference; see the head of this file."""
        import numpy as np
        from scipy.special import betainc, gammaln, xlogy

        rate = self.disagreement
        if rate <= 0 or difference > rate:
            return 0.0
        center, spread = samples * rate, math.sqrt(samples * rate * (1 - rate))
        first, last = max(0, math.floor(center - TAIL * spread)), min(samples, math.ceil(center + TAIL * spread))
        counts = np.arange(first, last + 1, dtype=float)  # of samples that one run alone has right
        binomial = gammaln(samples + 1) - gammaln(counts + 1) - gammaln(samples - counts + 1)
        chances = np.exp(binomial + xlogy(counts, rate) + xlogy(samples - counts, 1 - rate))
        needed = _critical_wins(counts, alpha)
        reachable = needed <= counts
        counts, needed, chances = counts[reachable], needed[reachable], chances[reachable]
        share = 0.5 + difference / rate / 2  # of the disagreements, those won by the better run
        found = betainc(needed, counts - needed + 1, share) + betainc(needed, counts - needed + 1, 1 - share)
        return float(chances @ found)


@dataclass(frozen=True, slots=True)
class NormalDesign:
    """Any metric; the standard error of the difference is `spread` over the root of the number of samples."""

    spread: float

    @property
    def largest(self) -> float:
        """The full range."""
        return 1.0

    def power(self, samples: int, difference: float, alpha: float) -> float:
        """How often a two-sided normal test finds the difference."""
        from scipy.special import ndtr, ndtri

        if self.spread <= 0:
            return 1.0 if difference > 0 else 0.0
        shift, critical = difference * math.sqrt(samples) / self.spread, -ndtri(alpha / 2)
        return float(ndtr(shift - critical) + ndtr(-shift - critical))


def samples_needed(design: PairedDesign, difference: float, settings: PowerSettings) -> int | None:
    """How many samples tell the difference as often as wanted, while one fewer does not; None if a billion do not.

    An exact test's power rises with the number of samples in small teeth, so a few fewer may chance to do as well.
    """

    def tells(samples: int) -> bool:
        return design.power(samples, difference, settings.alpha) >= settings.power

    high = 1
    while not tells(high):
        high *= 2
        if high > MOST_SAMPLES:
            return None
    return _first(tells, high // 2, high)


def smallest_difference(design: PairedDesign, samples: int, settings: PowerSettings) -> float | None:
    """The smallest difference that so many samples tell as often as wanted; None if they tell none."""
    steps = 2**20

    def tells(step: int) -> bool:
        return design.power(samples, design.largest * step / steps, settings.alpha) >= settings.power

    return design.largest * _first(tells, 0, steps) / steps if samples and tells(steps) else None


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first whole number for which it holds, above `low`, where it does not, and up to `high`, where it does."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _critical_wins(counts: Floats, alpha: float) -> Floats:
    """The fewest wins of so many disagreements that the test finds significant; one more than all, if none are."""
    import numpy as np
    from scipy.special import betainc

    low, high = np.floor(counts / 2), counts + 1  # at `low` the p value is above 1/2
    while (gap := high - low > 1).any():
        middle = np.where(gap, np.floor((low + high) / 2), high)
        significant = 2 * betainc(middle, np.maximum(counts - middle + 1, 0.5), 0.5) <= alpha
        low, high = np.where(gap & ~significant, middle, low), np.where(gap & significant, middle, high)
    return high
