"""GQA's distribution: leaving one image out, pseudo-values, and the coverage of the interval."""

import time

import numpy as np
import pytest

from emma_eval.scorers.gqa_distribution import _answer_table, _leave_one_image_out, chi_square, distribution
from emma_eval.stats.bootstrap import intervals, recompute
from emma_eval.stats.paired import compare_metrics
from emma_eval.types import SampleScore, Scores
from tests.fakes import sample
from tests.scorers.gqa_coverage import World, scored, scores_of


def test_leaving_an_image_out_is_scoring_without_it():
    rng = np.random.default_rng(1)
    samples, scores = scored(World(rng, 30, groups=3).draw(rng, 12))
    scores[4] = SampleScore("4", 0.0, "no such thing", cluster=scores[4].cluster)
    scores[7] = SampleScore("7", 0.0, "", "missing", scores[7].cluster)
    expected = []
    for image in dict.fromkeys(score.cluster for score in scores):
        kept = [i for i, score in enumerate(scores) if score.cluster != image]
        expected.append(chi_square([samples[i] for i in kept], [scores[i] for i in kept]) * 12 / 11)
    assert _leave_one_image_out(_answer_table(samples, scores)) == pytest.approx(expected)


def test_the_pseudo_values_make_the_official_number():
    rng = np.random.default_rng(2)
    world = World(rng, 100)
    rows = world.draw(rng, 50)
    scores = scores_of(rows)
    (metric,) = scores.metrics
    assert metric.value == pytest.approx(world.value(rows))
    assert recompute(metric, scores.samples) == pytest.approx(metric.value, rel=1e-12)
    assert metric.scale == pytest.approx(chi_square(*unanswered(rows)))  # the full range


def unanswered(rows):
    samples, scores = scored(rows)
    return samples, [SampleScore(score.id, 0.0, "", "missing") for score in scores]


def test_questions_outside_groups_change_nothing():
    rng = np.random.default_rng(3)
    rows = World(rng, 100).draw(rng, 20)
    samples, scores = scored(rows)
    outside = [sample(f"x{i}", "yes", groups={"global": None}, image=f"x{i}") for i in range(5)]
    more = [SampleScore(one.id, 1.0, "yes", cluster=one.meta["image"]) for one in outside]
    indices = range(5 + len(samples))
    alone = Scores((distribution(samples, scores, indices),), tuple(scores))
    together = Scores((distribution([*outside, *samples], [*more, *scores], indices),), (*more, *scores))
    assert alone.metrics[0].value == together.metrics[0].value
    assert alone.metrics[0].ratios[0].numerator == together.metrics[0].ratios[0].numerator
    assert distribution(outside, more, indices).ratios == ()


def test_where_every_answer_is_right_there_is_no_interval():
    rows = np.array([(i, 0, i % 3, i % 3) for i in range(40)])
    assert intervals(scores_of(rows)) == ["every image adds the same to it"]


@pytest.mark.parametrize(("images", "per"), [(12, 5), (80, 5)])
def test_the_interval_covers_the_true_value_about_95_times_in_100(images, per):
    """The true value is the mean over very many draws of as many images."""
    rng = np.random.default_rng(7)
    world = World(rng, per=per)
    true_value = np.mean([world.value(world.draw(rng, images)) for _ in range(1500)])
    bounds = [intervals(scores_of(world.draw(rng, images)))[0] for _ in range(300)]
    held = np.mean([low <= true_value <= high for low, high in bounds])
    assert 0.92 <= held <= 0.98


def test_a_comparison_is_cautious_but_not_blind():
    """Two models of other habits that are alike good are seldom told apart, and a much worse one is."""
    rng = np.random.default_rng(11)
    world = World(rng)
    true_value = np.mean([world.value(r, 1) - world.value(r) for r in (world.draw(rng, 60) for _ in range(1500))])
    held = seen = 0
    for _ in range(100):
        rows = world.draw(rng, 60)
        (pair,) = compare_metrics(scores_of(rows), scores_of(rows, 1), resamples=400)
        held += pair.interval[0] <= true_value <= pair.interval[1]
        worse = rows.copy()
        worse[:, 4] = 0  # the most common answer of the group, always
        (pair,) = compare_metrics(scores_of(rows), scores_of(worse, 1), resamples=400)
        seen += pair.p_value < 0.05 and pair.difference > 0
    assert held >= 92
    assert seen >= 95


def test_validation_size_takes_seconds():
    """132,062 questions on 10,234 images."""
    rng = np.random.default_rng(5)
    rows = np.column_stack([np.sort(rng.integers(0, 10_234, 132_062)), *rng.integers(0, (80, 25, 25), (132_062, 3)).T])
    samples, scores = scored(rows)
    start = time.process_time()
    distribution(samples, scores, range(len(samples)))
    assert time.process_time() - start < 2
