"""Exact tests (no simulation): the sign test, McNemar's test, and Holm's correction for several tests.

The binomial tail is `scipy.special.betainc`, to the last bit what `scipy.stats.binomtest` gives: importing
`scipy.stats` alone would cost every scoring another 0.5 s.
"""

from __future__ import annotations

from collections.abc import Sequence


def sign_test(wins: int, losses: int) -> float:
    """One-sided exact sign test: P(X >= wins) for X ~ Binomial(wins + losses, 1/2). Ties are left out."""
    from scipy.special import betainc

    return float(betainc(wins, losses + 1, 0.5)) if wins else 1.0


def mcnemar(wins: int, losses: int) -> float:
    """McNemar's exact two-sided p value: the sign test in the direction of the majority, doubled.

    McNemar, Psychometrika 12 (1947), whose normal approximation the binomial distribution itself replaces here.
    """
    return min(1.0, 2 * sign_test(max(wins, losses), min(wins, losses)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: rejecting all below alpha makes any false rejection at most alpha likely.

    Holm, Scandinavian Journal of Statistics 6 (1979): the k-th smallest of n is multiplied by n - k + 1.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
