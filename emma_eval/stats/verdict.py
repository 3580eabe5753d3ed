"""The verdict of the regression gate on one metric: a paired test, and an effect large enough to matter.

With enough samples the smallest change becomes significant, and with few of them a large one is not; a metric has
changed only when both hold.
"""

from __future__ import annotations

from typing import Literal

from emma_eval.stats.bootstrap import full_range
from emma_eval.stats.paired import Paired

NOISE = 1e-9  # percent; rounding makes no difference

Verdict = Literal["pass", "regressed", "changed", "improved", "incomparable"]
FAILING: frozenset[Verdict] = frozenset({"regressed", "changed", "incomparable"})


def verdict(pair: Paired, p_value: float, alpha: float, smallest_effect: float) -> Verdict:
    """What became of a metric. `p_value` is the pair's, corrected; `smallest_effect` is in percent of the full range.

    An `alpha` of 1 leaves the test out. A metric without a better direction, such as the yes ratio, always passes.
    """
    effect = gain(pair)
    by_chance = p_value >= alpha and alpha < 1
    if by_chance or abs(effect) < max(smallest_effect, NOISE):
        return "pass"
    return "improved" if effect > 0 else "regressed"


def gain(pair: Paired) -> float:
    """By how much the second run is better, in percent of the metric's full range; negative if it is worse."""
    direction = {True: 1, False: -1, None: 0}[pair.metric.higher_is_better]
    return direction * 100 * pair.difference / full_range(pair.metric)
