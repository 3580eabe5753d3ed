"""Float arithmetic as the official tools do it: left to right, one rounding after each addition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def naive_sum(values: Iterable[float]) -> float:
    """The sum from left to right. The builtin `sum` compensates from Python 3.12 on, which changes last digits."""
    total = 0.0
    for value in values:
        total += value
    return total


def mean(values: Sequence[float]) -> float:
    """`naive_sum / n`, and 0 for nothing at all, as GQA's tool has it."""
    return naive_sum(values) / len(values) if values else 0.0


def percent_mean(values: Sequence[float]) -> float:
    """`100 * sum / n` in that order, as vqaEval writes it: multiplying the finished mean rounds differently."""
    return 100 * naive_sum(values) / len(values) if values else 0.0


def mean_percent(values: Sequence[float]) -> float:
    """`sum / n * 100` in that order, as the tools that count hits write it."""
    return mean(values) * 100


def ratio(part: float, whole: float) -> float:
    """`part / whole`, and 0 where the official tools divide by zero; the scorer adds a note there."""
    return part / whole if whole else 0.0
