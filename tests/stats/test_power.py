"""Power of paired tests, against enumeration, published numbers, textbook formulas and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from emma_eval.stats.paired import BOOTSTRAP, MCNEMAR, compare_metrics
from emma_eval.stats.power import McNemarDesign, NormalDesign, PowerSettings, samples_needed, smallest_difference
from emma_eval.types import Ratio
from tests.fake_scores import accuracy

USUAL = PowerSettings()


def enumerated(samples, disagreement, difference, alpha):
    """Over every number of disagreements and of wins, by scipy's test."""
    share = (disagreement + difference) / 2 / disagreement
    return sum(
        binom.pmf(count, samples, disagreement) * binom.pmf(wins, count, share)
        for count in range(1, samples + 1)
        for wins in range(count + 1)
        if binomtest(wins, count).pvalue <= alpha
    )


@pytest.mark.parametrize(
    ("samples", "disagreement", "difference", "alpha"),
    [(30, 0.3, 0.2, 0.05), (25, 1.0, 0.4, 0.05), (40, 0.1, 0.1, 0.05), (24, 0.5, 0.1, 0.001), (20, 0.4, 0.0, 0.05)],
)
def test_mcnemars_power_is_the_sum_over_all_outcomes(samples, disagreement, difference, alpha):
    expected = enumerated(samples, disagreement, difference, alpha)
    assert McNemarDesign(disagreement).power(samples, difference, alpha) == pytest.approx(expected, abs=1e-9)


def test_mcnemars_power_is_that_of_gpower():
    """G*Power's manual on McNemar's test: odds ratio 0.25, 40% discordant pairs, 50 pairs, one-sided 5%: 0.839343.

    Twice the level, two-sided, adds what it finds in the wrong direction.
    """
    assert McNemarDesign(0.4).power(50, 0.32 - 0.08, 0.10) == pytest.approx(0.839343, abs=3e-5)


@pytest.mark.parametrize(("disagreement", "difference"), [(0.12, 0.01), (0.3, 0.05), (0.05, 0.02)])
def test_the_samples_needed_are_about_those_of_the_known_formula(disagreement, difference):
    """Connor, Biometrics 43 (1987): without the exactness, which costs some samples more."""
    settled, found = norm.ppf(0.975) * disagreement**0.5, norm.ppf(0.8) * (disagreement - difference**2) ** 0.5
    by_formula = ((settled + found) / difference) ** 2
    needed = samples_needed(McNemarDesign(disagreement), difference, USUAL)
    assert by_formula < needed < 1.02 * by_formula + 2 / difference


@pytest.mark.parametrize("design", [McNemarDesign(0.12), McNemarDesign(0.9), NormalDesign(0.5)])
def test_the_samples_needed_tell_the_difference_and_one_less_does_not(design):
    needed = samples_needed(design, 0.03, USUAL)
    assert design.power(needed, 0.03, 0.05) >= 0.8 > design.power(needed - 1, 0.03, 0.05)
    assert smallest_difference(design, needed, USUAL) == pytest.approx(0.03, rel=0.01)


def test_a_normal_test_needs_what_textbooks_say():
    """7.849 times variance over squared difference, at 5% and 80%; 10.507 at 90%."""
    assert samples_needed(NormalDesign(0.5), 0.01, USUAL) == 19_623
    assert samples_needed(NormalDesign(0.5), 0.01, PowerSettings(power=0.9)) == 26_269


def test_what_cannot_be_told():
    assert samples_needed(McNemarDesign(0.02), 0.03, USUAL) is None  # more than they disagree on
    assert smallest_difference(McNemarDesign(0.5), 5, USUAL) is None  # 5 of 5 wins: p = 0.06
    assert smallest_difference(McNemarDesign(0.0), 100, USUAL) is None
    assert smallest_difference(NormalDesign(0.5), 0, USUAL) is None


def pairs(rng, images, questions, shift):
    """Two models that answer several questions an image; the second has `shift` more chance of each."""
    chances = np.repeat(rng.beta(4, 2, images), questions)
    before = rng.random(images * questions) < chances
    kept = rng.random(images * questions) < 0.7  # answered alike
    after = np.where(kept, before, rng.random(images * questions) < chances) | (rng.random(before.size) < shift)
    return before.astype(float).tolist(), after.astype(float).tolist()


def test_the_spread_of_a_difference_is_that_of_whole_images():
    """As the usual cluster-robust formula has it."""
    rng = np.random.default_rng(7)
    before, after = pairs(rng, 300, 6, 0.05)
    clusters = [index // 6 for index in range(1800)]
    (pair,) = compare_metrics(accuracy(before, clusters), accuracy(after, clusters))
    sums = (np.array(after) - np.array(before)).reshape(300, 6).sum(axis=1)
    error = np.sqrt(((sums - sums.mean()) ** 2).sum()) / 1800
    assert pair.test == BOOTSTRAP
    assert pair.design.spread / pair.units**0.5 == pytest.approx(error, rel=0.06)


def test_a_difference_that_can_be_told_is_found_8_times_in_10():
    """On average over designs that are themselves estimated, by the test that compares runs."""
    rng = np.random.default_rng(5)
    clusters = [index // 4 for index in range(400)]

    def compared(shift):
        before, after = pairs(rng, 100, 4, shift)
        return compare_metrics(accuracy(before, clusters), accuracy(after, clusters), resamples=300)[0]

    found = [compared(0.16) for _ in range(120)]
    told = np.mean([one.smallest_told(USUAL) for one in found])
    true = np.mean([one.difference for one in found])
    assert true == pytest.approx(told, abs=0.6), "the shift is chosen for this"
    assert 0.7 <= np.mean([one.p_value < 0.05 for one in found]) <= 0.9


def test_a_comparison_knows_its_design():
    (pair,) = compare_metrics(accuracy([1, 1, 0, 0, 1] * 40), accuracy([1, 1, 0, 1, 0] * 40))
    assert (pair.test, pair.units, pair.design) == (MCNEMAR, 200, McNemarDesign(0.4))
    expected = 100 * smallest_difference(McNemarDesign(0.4), 200, USUAL)
    assert pair.smallest_told(USUAL) == pytest.approx(expected)
    (same,) = compare_metrics(accuracy([1, 0] * 9), accuracy([1, 0] * 9))
    assert same.smallest_told(USUAL) is None
    assert replace(pair, design=NormalDesign(1e-12)).smallest_told(USUAL) is None  # rounding, no disagreement
    empty = accuracy([1.0, 0.0])
    empty = replace(empty, metrics=(replace(empty.metrics[0], ratios=(Ratio([], sample_indices=[]),)),))
    (none,) = compare_metrics(empty, empty)
    assert (none.units, none.p_value, none.smallest_told(USUAL)) == (0, 1.0, None)
