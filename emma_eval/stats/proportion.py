"""The exact interval of a share, of Clopper and Pearson (Biometrika 26, 1934)."""

from __future__ import annotations


def share_interval(count: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds, 0 to 1, of the share of which `count` of `total` independent cases were so; (0, 1) of none."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return low, high
