"""Paired comparisons: choice of test, p value, interval, and rate of false positives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from emma_eval.stats.paired import BOOTSTRAP, MCNEMAR, compare_metrics, flips
from emma_eval.types import Metric, Ratio
from tests.fake_scores import accuracy

RNG = np.random.default_rng(3)


def of(before, after, clusters=None):
    (pair,) = compare_metrics(accuracy(before, clusters), accuracy(after, clusters))
    return pair


def test_right_and_wrong_answers_go_to_mcnemar():
    pair = of([1, 1, 1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0])
    assert (pair.test, pair.first, pair.second, pair.difference) == (MCNEMAR, 75.0, 62.5, -12.5)
    assert pair.p_value == pytest.approx(binomtest(1, 3).pvalue)


@pytest.mark.parametrize("clusters", [None, [0, 0, 1, 1, 2, 2, 3, 3]])
def test_partial_credit_and_shared_images_go_to_the_bootstrap(clusters):
    values = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.3 if clusters is None else 0.0]
    assert of(values, values[::-1], clusters).test == BOOTSTRAP


def test_equal_runs_do_not_differ():
    values = RNG.random(50).tolist()
    pair = of(values, values)
    assert (pair.difference, pair.interval, pair.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_pairing_sees_what_two_intervals_hide():
    """Hard questions are hard for both: 3% more is nothing between strangers, and much within pairs."""
    before = [1.0] * 600 + [0.0] * 400
    after = [1.0] * 630 + [0.0] * 370
    assert of(before, after).p_value < 1e-6
    assert of(before, RNG.permutation(after).tolist()).p_value > 0.01


def test_p_is_below_5_percent_just_where_the_interval_leaves_0_out():
    checked = 0
    for shift in np.linspace(0, 0.4, 15):
        before = RNG.random(60)
        pair = of(before.tolist(), (before + shift * RNG.random(60) - 0.1).tolist(), [i // 3 for i in range(60)])
        low, high = pair.interval
        if abs(pair.p_value - 0.05) > 0.005:
            assert (pair.p_value < 0.05) == (not low <= 0 <= high)
            checked += 1
    assert checked > 10


def test_false_alarms_are_5_in_100():
    """Two runs that differ by chance alone, five questions an image."""
    rng = np.random.default_rng(11)
    clusters = [i // 5 for i in range(200)]
    alarms = 0
    for _ in range(200):
        chances = np.repeat(rng.beta(2, 1, 40), 5)
        before, after = (rng.random(200) < chances).astype(float), (rng.random(200) < chances).astype(float)
        first, second = accuracy(before.tolist(), clusters), accuracy(after.tolist(), clusters)
        alarms += compare_metrics(first, second, resamples=400)[0].p_value < 0.05
    assert 0.015 <= alarms / 200 <= 0.09


def test_metrics_that_one_run_lacks_are_left_out():
    f1 = Metric("f1", 100.0, 2, "percent", ratios=(Ratio([1.0, 1.0]),), scale=100)
    pairs = compare_metrics(accuracy([1, 1], None, f1), accuracy([1, 1]))
    assert [pair.metric.name for pair in pairs] == ["accuracy"]


def test_flips_are_won_and_lost_samples_that_the_metric_counts():
    first, second = accuracy([1, 0, 1, 0, 0.5]), accuracy([0, 1, 1, 0, 1])
    won, lost, ties = flips(first, second, first.metrics[0])
    assert ([f.first.id for f in won], [f.first.id for f in lost], ties) == (["1", "4"], ["0"], 2)
    balanced = replace(first.metrics[0], ratios=(Ratio([1, 0], sample_indices=[0, 3]),))
    assert len(flips(first, second, balanced)[0]) == 0
