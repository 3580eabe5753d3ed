"""Plans by runs: the design of the test that compares them, in samples and in the metric's printed unit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emma_eval.analysis.sample_size import plan_by_one_run, plan_by_runs
from emma_eval.errors import UserError
from emma_eval.stats.paired import BOOTSTRAP, MCNEMAR
from emma_eval.stats.power import McNemarDesign, PowerSettings
from tests.fake_scores import accuracy
from tests.fakes import statistics_of_scores, task_statistics

USUAL = PowerSettings()
FACTOR = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2


def run(values, clusters=None):
    return statistics_of_scores(accuracy(values, clusters), "quiz", "accuracy")


def test_two_runs_of_independent_answers_give_their_disagreement():
    plan = plan_by_runs(run([1, 1, 0, 0] * 50), run([1, 1, 1, 0] * 50), ())
    assert (plan.test, plan.design, plan.sizes) == (MCNEMAR, McNemarDesign(0.25), (200,))
    assert "the runs score 25.0% of 200 samples differently" in plan.basis
    assert plan.needed(5.0, USUAL) == pytest.approx(FACTOR * 0.25 / 0.05**2, rel=0.05)


def test_of_runs_with_other_samples_those_that_both_have_count():
    plan = plan_by_runs(run([1, 1, 0, 0] * 50), run([1, 1, 1, 0] * 20), ())
    assert (plan.design, plan.samples_per_unit, plan.sizes) == (McNemarDesign(0.25), 1.0, (80,))


def test_two_runs_with_several_questions_an_image_need_more():
    """Here whole images are won or lost: four questions say no more than one."""
    rng = np.random.default_rng(1)
    images = rng.random((2, 400)) < 0.7
    first, second = (np.repeat(one, 4).astype(float).tolist() for one in images)
    clusters = [index // 4 for index in range(1600)]
    plan = plan_by_runs(run(first, clusters), run(second, clusters), (8000,))
    assert (plan.test, plan.samples_per_unit, plan.sizes) == (BOOTSTRAP, 4.0, (8000,))
    disagreement = float((images[0] != images[1]).mean())
    assert plan.needed(5.0, USUAL) == pytest.approx(4 * FACTOR * disagreement / 0.05**2, rel=0.08)
    assert plan.told_by(plan.needed(5.0, USUAL), USUAL) == pytest.approx(5.0, rel=0.01)


def test_one_run_gives_its_images_and_a_stated_disagreement():
    rng = np.random.default_rng(2)
    values = np.repeat(rng.random(500) < 0.6, 4).astype(float).tolist()
    plan = plan_by_one_run(run(values, [index // 4 for index in range(2000)]), 0.2, ())
    assert plan.needed(5.0, USUAL) == pytest.approx(4 * FACTOR * 0.2 / 0.05**2, rel=0.08)
    assert "20.0% of the samples scored differently, as stated" in plan.basis


def test_one_run_alone_assumes_half_of_what_unrelated_models_would_disagree_on():
    plan = plan_by_one_run(run([1, 1, 1, 0] * 100), None, ())
    assert plan.design == McNemarDesign(0.75 * 0.25)  # unrelated: 2 * 0.75 * 0.25
    assert plan_by_one_run(run([1] * 50), None, ()).design == McNemarDesign(0.01)


def test_another_metric_is_planned_in_its_printed_unit():
    """POPE's F1, a fraction that is printed in percent."""
    plan = plan_by_runs(task_statistics({0, 1, 2, 3}), task_statistics({3, 4}), ())
    assert (plan.metric, plan.printed_range) == ("f1", 100)
    assert 1 < plan.told_by(40, USUAL) < 60


def test_runs_that_never_disagree_tell_nothing():
    with pytest.raises(UserError, match="task quiz: the two runs score every sample alike"):
        plan_by_runs(run([1, 0] * 20), run([1, 0] * 20), ())
