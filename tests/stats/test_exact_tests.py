"""Exact tests against hand calculation and against scipy's binomial test."""

import pytest
from scipy.stats import binomtest

from emma_eval.stats.exact_tests import holm, mcnemar, sign_test

COUNTS = [(0, 0), (1, 0), (5, 0), (0, 5), (3, 3), (4, 5), (30, 3), (60, 40), (150, 100), (700, 650), (20_000, 21_000)]


@pytest.mark.parametrize(("wins", "losses"), COUNTS)
def test_sign_test_and_mcnemar_are_binomial_tests(wins, losses):
    if not wins + losses:
        assert sign_test(wins, losses) == mcnemar(wins, losses) == 1.0
        return
    assert sign_test(wins, losses) == binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue
    assert mcnemar(wins, losses) == pytest.approx(binomtest(wins, wins + losses, 0.5).pvalue, rel=1e-14)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 8, 2 * (1 + 9) / 2**9), (8, 1, 2 * (1 + 9) / 2**9), (0, 6, 2 / 2**6), (3, 4, 1.0)],
)
def test_mcnemar(wins, losses, p):
    assert mcnemar(wins, losses) == pytest.approx(p)


def test_mcnemar_of_very_many_is_quick_and_sound():
    assert 0 < mcnemar(20_000, 21_000) < 1e-6


def test_holm():
    """The textbook case: the smallest times 4, the next times 3, ..., never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
