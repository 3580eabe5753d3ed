"""Intervals against exact ones, against an explicit resampling loop, and their coverage in simulations."""

import numpy as np
import pytest
from scipy.stats import binomtest

from emma_eval.scorers.yes_no import confusion_ratios
from emma_eval.stats.bootstrap import cluster_indices, intervals, quantile_levels, recompute, resample_metrics
from emma_eval.types import Metric, Ratio, Scores
from tests.fake_scores import accuracy, samples


@pytest.mark.parametrize(("right", "n"), [(280, 400), (570, 600), (1500, 3000)])
def test_independent_hits_have_wilsons_interval(right, n):
    (interval,) = intervals(accuracy([1.0] * right + [0.0] * (n - right)))
    wilson = binomtest(right, n).proportion_ci(method="wilson")
    assert interval == pytest.approx((100 * wilson.low, 100 * wilson.high), abs=0.6)


@pytest.mark.parametrize(("right", "n"), [(1, 1), (40, 40), (0, 40), (300, 300)])
def test_where_all_agree_it_is_clopper_and_pearsons(right, n):
    (interval,) = intervals(accuracy([1.0] * right + [0.0] * (n - right)))
    exact = binomtest(right, n).proportion_ci(method="exact")
    assert interval == pytest.approx((100 * exact.low, 100 * exact.high))


def test_the_matrix_product_is_the_loop_over_resamples():
    rng = np.random.default_rng(1)
    said, true = rng.random(30) < 0.6, rng.random(30) < 0.5
    clusters = rng.integers(0, 9, 30)
    ratio = confusion_ratios(list(zip(said.tolist(), true.tolist(), strict=True)))["f1"]
    numbers = cluster_indices(samples([0.0] * 30, clusters.tolist()))
    (drawn,) = resample_metrics([Metric("f1", 0.0, 30, "percent", ratios=(ratio,), scale=100)], numbers, 200, seed=5)

    generator, size = np.random.default_rng(5), len(set(clusters.tolist()))
    for value in drawn:
        chosen = generator.integers(0, size, size)
        members = np.concatenate([np.flatnonzero(numbers == cluster) for cluster in chosen])
        both = (said & true)[members].sum()
        assert value == pytest.approx(100 * 2 * both / (said[members].sum() + true[members].sum()))


def test_questions_on_one_image_widen_the_interval():
    values = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0] * 25
    (alone,) = intervals(accuracy(values))
    (together,) = intervals(accuracy(values, [i // 4 for i in range(200)]))
    assert together[1] - together[0] == pytest.approx(2 * (alone[1] - alone[0]), rel=0.1)  # 4 alike count as one


def test_a_category_is_resampled_by_the_clusters_it_is_in():
    part = Metric(
        "accuracy", 50.0, 4, "percent", ratios=(Ratio([1.0, 0.0, 1.0, 0.0], sample_indices=[0, 1, 2, 3]),), scale=100
    )
    lonely = Metric("accuracy", 50.0, 2, "percent", ratios=(Ratio([1.0, 0.0], sample_indices=[4, 5]),), scale=100)
    scores = Scores((part, lonely), samples([1.0] * 100, [0, 1, 2, 3, 7, 7, *range(100, 194)]))
    of_part, of_lonely = intervals(scores)
    assert of_part == (0.0, 100.0)
    assert of_lonely == "there is one question alone to resample"  # neither all right nor all wrong


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Metric("score", 3.0, 2, "points"), "the scorer does not say what each sample adds to it"),
        (Metric("cognition", 0.0, 0, "points"), "no sample counts for it"),
        (Metric("credit", 0.3, 2, "fraction", ratios=(Ratio([0.3, 0.3]),)), "every question adds the same to it"),
        (
            Metric("cider", 0.0, 2, "fraction", ratios=(Ratio([0, 0]),), value_is_bounded=False),
            "every question adds the same to",
        ),
    ],
)
def test_where_there_is_no_interval_it_says_why(metric, reason):
    assert intervals(accuracy([1.0, 0.0], None, metric))[1].startswith(reason)


def test_rounding_is_no_spread():
    """BLEU of equal captions differs by a last digit from resample to resample: that is no interval of no width."""
    ratio = Ratio([0.1 + 1e-17 * i for i in range(30)], [0.3] * 30)
    (bounds,) = intervals(Scores((Metric("m", 1 / 3, 30, "fraction", ratios=(ratio,)),), samples([0.0] * 30)))
    assert isinstance(bounds, str)


def test_equal_scores_have_equal_intervals_to_the_last_digit():
    values = np.random.default_rng(0).random(300).tolist()
    assert intervals(accuracy(values)) == intervals(accuracy(values))


def test_average_precision_is_that_of_two_steps():
    """Three of four positives found, one false alarm: AP = recall * precision + the rest at the base rate."""
    pairs = [(True, True)] * 3 + [(False, True)] + [(True, False)] + [(False, False)] * 5
    parts = confusion_ratios(pairs)
    ratios = (parts["recall"], parts["precision"], parts["fn"])
    metric = Metric("ap", 0.0, 10, "fraction", ratios=ratios, aggregate="average_precision")
    assert recompute(metric, samples([0.0] * 10)) == pytest.approx(0.75 * 0.75 + 0.25 * 0.4)


def test_tails_reach_further_out_for_few_clusters():
    assert quantile_levels(10**6) == pytest.approx((0.025, 0.975), abs=1e-5)
    assert quantile_levels(10)[0] == pytest.approx(0.00855, abs=1e-4)  # the normal tail beyond 2.262 * sqrt(10 / 9)


def simulated(rng, clusters, size):
    """Images of which some are hard for all questions: each has its own chance of a right answer."""
    chances = rng.beta(2, 1, clusters)
    return (rng.random((clusters, size)) < chances[:, None]).astype(float).ravel().tolist()


@pytest.mark.parametrize(("clusters", "size"), [(80, 5), (12, 5)])
def test_the_interval_holds_the_truth_95_times_in_100(clusters, size):
    rng = np.random.default_rng(7)
    runs, held, held_if_independent = 400, 0, 0
    for _ in range(runs):
        values = simulated(rng, clusters, size)
        for own in (True, False):
            scores = accuracy(values, [i // size for i in range(clusters * size)] if own else None)
            drawn = resample_metrics(scores.metrics, cluster_indices(scores.samples), 400)
            count = clusters if own else clusters * size
            low, high = np.quantile(drawn, quantile_levels(count))
            held += own and low <= 100 * 2 / 3 <= high
            held_if_independent += not own and low <= 100 * 2 / 3 <= high
    assert 0.92 <= held / runs <= 0.98
    assert held_if_independent / runs < 0.90  # what ignoring the images would do
