"""The risk-coverage curve by its definition, with ties broken in every order."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from emma_eval.robustness.selective import RiskCoverage

ONES = np.ones((6, 1))


def test_by_hand_without_ties() -> None:
    """The errors are the second and the last in confidence: risks 0, 1/2, 1/3, 1/4, 1/5, 2/6."""
    curve = RiskCoverage(np.array([0.9, 0.99, 0.6, 0.7, 0.8, 0.5]), np.array([0.0, 1, 1, 1, 1, 0]))
    summary = {name: value.item() for name, value in curve.summary(ONES).items()}
    assert summary["aurc"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 3) / 6)
    assert summary["50%"] == pytest.approx(2 / 3)
    assert summary["80%"] == pytest.approx(4 / 5)  # 4.8 answers: five
    assert summary["90%"] == pytest.approx(4 / 6)
    coverage, accuracy = curve.curve()
    assert coverage.tolist() == pytest.approx([k / 6 for k in range(1, 7)])
    assert accuracy.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4, 4 / 5, 4 / 6])


def test_ties_count_as_the_mean_over_their_orders() -> None:
    confidence = np.array([0.9, 0.7, 0.7, 0.7, 0.6, 0.6])
    is_correct = np.array([1.0, 0, 1, 1, 1, 0])
    areas, halves = [], []
    for order in permutations(range(6)):
        if all(confidence[one] >= confidence[other] for one, other in pairwise(order)):
            risks = np.cumsum(1 - is_correct[list(order)]) / np.arange(1, 7)
            areas.append(risks.mean())
            halves.append(1 - risks[2])
    summary = RiskCoverage(confidence, is_correct).summary(ONES)
    assert summary["aurc"].item() == pytest.approx(np.mean(areas))
    assert summary["50%"].item() == pytest.approx(np.mean(halves))


def test_weights_count_answers_several_times_or_not_at_all() -> None:
    confidence, is_correct = np.array([0.9, 0.8, 0.7]), np.array([1.0, 0, 1])
    weights = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 3.0]])
    found = RiskCoverage(confidence, is_correct).summary(weights)
    for column, counts in enumerate(weights.T.astype(int)):
        repeated = [np.repeat(values, counts) for values in (confidence, is_correct)]
        alone = RiskCoverage(*repeated).summary(np.ones((counts.sum(), 1)))
        for name, values in found.items():
            assert values[column] == pytest.approx(alone[name].item()), name


def test_ninety_percent_of_ten_answers_are_nine() -> None:
    curve = RiskCoverage(np.linspace(1, 0.5, 10), np.array([1.0] * 9 + [0.0]))
    assert curve.summary(np.ones((10, 1)))["90%"].item() == 1
