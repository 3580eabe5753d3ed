"""Calibration errors against uncertainty-calibration 0.1.4 (of Kumar et al.) and scikit-learn, and by hand."""

import numpy as np
import pytest

from emma_eval.robustness.calibration import BinSums, calibrate, equal_mass_edges, equal_width_edges

# values of calibration.utils (get_ece; lower_bound_scaling_ce with get_equal_bins, p=1 plain and p=2 debiased, 15 bins)
# and sklearn.metrics.brier_score_loss, of `drawn_answers`: size, decimals -> ECE, adaptive ECE, debiased RMS, Brier
REFERENCE = {
    (500, 9): (0.07016288998400003, 0.07177551459599998, 0.047789980619548415, 0.1675654773957202),
    (300, 1): (0.04933333333333341, 0.04933333333333342, 0.01646097577559575, 0.16253333333333336),
    (7, 9): (0.186105618, 0.23853921085714283, 0.0, 0.12205807740187558),
}
EACH = [*REFERENCE]


def drawn_answers() -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """Answers of an overconfident model; of one decimal alone, so that many are equally confident; and few."""
    random = np.random.default_rng(5)
    answers = {}
    for size, decimals in EACH:
        confidence = np.round(0.5 + 0.5 * random.beta(2, 1, size), decimals)
        answers[size, decimals] = confidence, (random.random(size) < confidence - 0.1).astype(float)
    return answers


@pytest.mark.parametrize("key", EACH)
def test_the_errors_are_those_of_other_programs(key: tuple[int, int]) -> None:
    confidence, is_correct = drawn_answers()[key]
    found = calibrate(confidence, is_correct, np.arange(len(confidence)))
    values = (found.ece.value, found.adaptive_ece.value, found.debiased_rms.value, found.brier.value)
    assert values == pytest.approx(REFERENCE[key], abs=1e-12)


def test_a_bin_holds_its_upper_end_and_not_its_lower() -> None:
    """As Guo et al. define it: 1/15 belongs to the first bin, and what is a little more to the second."""
    edges = equal_width_edges()
    assert np.searchsorted(edges, [1e-9, 1 / 15, 1 / 15 + 1e-9, 1.0]).tolist() == [0, 0, 1, 14]


def test_bins_of_equally_many_answers() -> None:
    confidence = np.linspace(0.5, 1, 31)
    bins = np.searchsorted(equal_mass_edges(confidence), confidence)
    assert np.bincount(bins).tolist() == [3, *[2] * 14]
    assert equal_mass_edges(np.full(40, 0.7)).tolist() == [0.7, 1.0]


def test_by_hand_four_answers() -> None:
    """Two bins: of 0.62 and 0.64 one is right, of 0.9 and 0.92 both."""
    confidence, is_correct = np.array([0.62, 0.64, 0.9, 0.92]), np.array([1.0, 0.0, 1.0, 1.0])
    found = calibrate(confidence, is_correct, np.arange(4))
    assert found.accuracy.value == 0.75
    assert found.confidence.value == pytest.approx(0.77)
    assert found.ece.value == pytest.approx((abs(0.63 - 0.5) + abs(0.91 - 1)) / 2)
    assert found.brier.value == pytest.approx((0.38**2 + 0.64**2 + 0.1**2 + 0.08**2) / 4)
    assert [(one.answers, one.accuracy) for one in found.bins] == [(2, 0.5), (2, 1.0)]
    assert [one.confidence for one in found.bins] == pytest.approx([0.63, 0.91])
    assert [(one.above, one.up_to) for one in found.bins] == [(9 / 15, 10 / 15), (13 / 15, 14 / 15)]


def test_the_brier_score_of_two_choices_is_that_of_the_probability_of_yes() -> None:
    yes, is_yes = np.array([0.9, 0.2, 0.6]), np.array([1.0, 1.0, 0.0])
    said_yes = yes > 0.5
    found = calibrate(np.where(said_yes, yes, 1 - yes), (said_yes == is_yes).astype(float), np.arange(3))
    assert found.brier.value == pytest.approx(((yes - is_yes) ** 2).mean())


def test_a_calibrated_model_has_an_error_by_chance_and_an_overconfident_one_more() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 1000)
    drawn = random.random(1000)
    calibrated = calibrate(confidence, (drawn < confidence).astype(float), np.arange(1000))
    overconfident = calibrate(confidence, (drawn < confidence - 0.15).astype(float), np.arange(1000))
    assert calibrated.p_calibrated > 0.05
    assert calibrated.ece.value == pytest.approx(calibrated.ece_by_chance, rel=0.5)
    assert overconfident.p_calibrated == 1 / 2001
    assert overconfident.ece.interval is not None
    low, high = overconfident.ece.interval
    assert calibrated.ece_by_chance < low < 0.15 < high


def test_the_error_by_chance_is_the_mean_over_all_outcomes() -> None:
    """Of two answers of 0.9 in one bin: both right (0.81), one (0.18), none (0.01)."""
    sums = BinSums(np.array([0.9, 0.9]), np.array([1.0, 1.0]), equal_width_edges())
    expected = 0.81 * 0.1 + 0.18 * 0.4 + 0.01 * 0.9
    assert sums.errors_by_chance().mean() == pytest.approx(expected, abs=0.01)


def test_answers_on_one_image_are_resampled_together() -> None:
    """Ten copies of each answer add no knowledge: the intervals stay as wide."""
    confidence, is_correct = drawn_answers()[300, 1]
    alone = calibrate(confidence, is_correct, np.arange(300))
    copied = calibrate(*(np.repeat(values, 10) for values in (confidence, is_correct, np.arange(300))))
    assert copied.clusters == 300
    assert copied.accuracy == alone.accuracy
    assert copied.ece.interval == pytest.approx(alone.ece.interval)
    assert copied.selective_accuracy["80%"].interval == pytest.approx(alone.selective_accuracy["80%"].interval)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_one_answer_alone_has_no_interval(right: float) -> None:
    found = calibrate(np.array([0.8]), np.array([right]), np.array([0]))
    assert found.ece.value == pytest.approx(abs(0.8 - right))
    assert found.ece.interval is None
    assert found.aurc.value == 1 - right
    assert found.debiased_rms.value == 0


def test_where_every_answer_is_right_the_interval_is_exact() -> None:
    """Clopper and Pearson's for 40 of 40 answers, and for 20 of 20 at half of the coverage."""
    found = calibrate(np.linspace(0.9, 1, 40), np.ones(40), np.arange(40))
    assert found.accuracy.interval == pytest.approx((0.025 ** (1 / 40), 1))
    assert found.selective_accuracy["50%"].interval == pytest.approx((0.025 ** (1 / 20), 1))
    assert found.aurc.interval is None


def test_the_debiased_error_of_a_calibrated_model_may_be_zero_and_has_an_upper_bound() -> None:
    random = np.random.default_rng(1)
    confidence = random.uniform(0.5, 1, 300)
    found = calibrate(confidence, (random.random(300) < confidence).astype(float), np.arange(300))
    assert found.debiased_rms.interval is not None
    low, high = found.debiased_rms.interval
    assert low == 0 < high < 0.15
