"""The regression gate's verdict on one metric: statistically significant, and large enough to matter.

With many samples the smallest change is significant, with few a large one is not. Both must hold.
"""

from __future__ import annotations

from typing import Literal

from emma_eval.stats.bootstrap import full_range
from emma_eval.stats.paired import MetricComparison

NOISE = 1e-9  # percent of the full range; smaller differences are rounding

Verdict = Literal["pass", "regressed", "changed", "improved", "incomparable"]
FAILING: frozenset[Verdict] = frozenset({"regressed", "changed", "incomparable"})


def verdict(pair: MetricComparison, p_value: float, alpha: float, smallest_effect: float) -> Verdict:
    """The verdict. `p_value` is the corrected one; `smallest_effect` is in percent of the metric's full range.

    An `alpha` of 1 skips the test. A metric without a better direction, such as the yes ratio, always passes.
    """
    effect = gain(pair)
    not_significant = p_value >= alpha and alpha < 1
    if not_significant or abs(effect) < max(smallest_effect, NOISE):
        return "pass"
    return "improved" if effect > 0 else "regressed"


def gain(pair: MetricComparison) -> float:
    """The improvement of the second run in percent of the metric's full range; negative if it is worse."""
    direction = {True: 1, False: -1, None: 0}[pair.metric.higher_is_better]
    return direction * 100 * pair.difference / full_range(pair.metric)
