"""Tests without simulation: McNemar's, and Holm's correction for several of them."""

from __future__ import annotations

from collections.abc import Sequence


def mcnemar(wins: int, losses: int) -> float:
    """McNemar's exact two-sided p value: of a fair coin falling so unevenly in `wins + losses` throws."""
    from scipy.special import bdtr

    if wins == losses:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted so that all those below 5% have together a 5% chance to hold a false one.

    Holm, Scandinavian Journal of Statistics 6 (1979): the k-th smallest of n is multiplied by n - k + 1.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
