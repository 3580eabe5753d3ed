"""A verdict needs both a significant test and a large enough effect."""

from dataclasses import replace

import pytest

from emma_eval.stats.paired import MCNEMAR, MetricComparison
from emma_eval.stats.verdict import gain, verdict
from emma_eval.types import Metric, Ratio

ACCURACY = Metric("accuracy", 80.0, 100, "percent", ratios=(Ratio([1.0]),), scale=100)
MME = Metric("score", 2000.0, 100, "points", ratios=(Ratio([1.0]),) * 28, scale=100)


def pair(second, metric=ACCURACY, **changes):
    return MetricComparison(replace(metric, **changes), second, (0.0, 0.0), 0.01, MCNEMAR)


@pytest.mark.parametrize(
    ("second", "p", "expected"),
    [(70, 0.01, "regressed"), (90, 0.01, "improved"), (70, 0.06, "pass"), (79.5, 0.0, "pass"), (80, 1.0, "pass")],
)
def test_both_the_test_and_the_effect_must_say_so(second, p, expected):
    assert verdict(pair(second), p, alpha=0.05, smallest_effect=1.0) == expected


def test_lower_is_better_where_the_metric_says_so():
    assert verdict(pair(70, higher_is_better=False), 0.01, 0.05, 1.0) == "improved"
    assert verdict(pair(70, higher_is_better=None), 0.01, 0.05, 1.0) == "pass"


def test_an_alpha_of_1_leaves_the_test_out():
    assert verdict(pair(78), 1.0, alpha=1, smallest_effect=1.0) == "regressed"
    assert verdict(pair(80 - 1e-12), 1.0, alpha=1, smallest_effect=0) == "pass"


def test_the_effect_is_in_percent_of_the_full_range():
    assert gain(pair(1944.0, MME)) == pytest.approx(-2.0)  # 56 of 2,800 points
