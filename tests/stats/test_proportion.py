"""The exact interval of a share, against scipy's."""

import pytest
from scipy.stats import binomtest

from emma_eval.stats.proportion import share_interval


@pytest.mark.parametrize("level", [0.95, 0.9])
@pytest.mark.parametrize(("count", "total"), [(0, 40), (1, 40), (13, 40), (40, 40), (9, 9000), (1, 1)])
def test_it_is_that_of_clopper_and_pearson(count, total, level):
    exact = binomtest(count, total).proportion_ci(level, method="exact")
    assert share_interval(count, total, level) == pytest.approx((exact.low, exact.high), rel=1e-9)
