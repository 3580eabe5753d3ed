"""Float arithmetic in the official tools' order: left to right, rounded after each addition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def naive_sum(values: Iterable[float]) -> float:
    """The sum from left to right. The builtin `sum` of Python 3.12 compensates rounding: other last digits."""
    total = 0.0
    for value in values:
        total += value
    return total


def mean(values: Sequence[float]) -> float:
    """`naive_sum / n`; 0 for no values, as in GQA's tool."""
    return naive_sum(values) / len(values) if values else 0.0


def percent_mean(values: Sequence[float]) -> float:
    """`100 * sum / n` in that order, as in vqaEval: 100 times the mean rounds differently."""
    return 100 * naive_sum(values) / len(values) if values else 0.0


def mean_percent(values: Sequence[float]) -> float:
    """`sum / n * 100` in that order, as in the tools that count right answers."""
    return mean(values) * 100


def ratio(part: float, whole: float) -> float:
    """`part / whole`; 0 where the official tools would divide by zero (the scorer adds a note)."""
    return part / whole if whole else 0.0
