"""Mutual information by nearest neighbours, against scikit-learn's values and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from emma_eval.interpretability.analysis.nearest_neighbours import entropy, kraskov, prepared, ross

INDEX = np.arange(1, 41)
X = np.sin(INDEX * 1.7) * 3 + INDEX / 10
Y = np.cos(INDEX * 2.3) + 0.4 * X
LABELS = (np.sin(INDEX * 0.9) + 0.3 * X > 0.5).astype(int) + (X > 2)
# scikit-learn 1.9.1, sklearn.feature_selection._mutual_info: _compute_mi_cd(X, LABELS, k) and _compute_mi_cc(X, Y, k),
# in nats. From half of a label's samples on it computes distances less exactly, so k is small.
SKLEARN = {3: (0.5046046856230229, 0.30211966977887394), 4: (0.4617378726759078, 0.3794977523348062)}
SKLEARN_SCALED = 0.40765615  # mutual_info_regression(X, Y, random_state=0), which scales first; its ties are random


@pytest.mark.parametrize("k", SKLEARN)
def test_one_coordinate_gives_what_scikit_learn_gives(k):
    of_label, of_vector = SKLEARN[k]
    assert ross(X[:, None], LABELS, k) * np.log(2) == pytest.approx(of_label, abs=1e-12)
    assert kraskov(X[:, None], Y[:, None], k) * np.log(2) == pytest.approx(of_vector, abs=1e-12)


def test_prepared_vectors_give_what_scikit_learn_gives_after_its_own_scaling():
    found = kraskov(prepared(X[:, None], 0), prepared(Y[:, None], 1)) * np.log(2)
    assert found == pytest.approx(SKLEARN_SCALED, abs=1e-6)


def test_correlated_gaussians_have_the_information_of_the_closed_form():
    generator = np.random.default_rng(0)
    first = generator.standard_normal((3000, 2))
    second = 0.8 * first + 0.6 * generator.standard_normal((3000, 2))
    expected = -np.log2(1 - 0.8**2)  # 2 x -log2(1 - r^2) / 2
    assert kraskov(first, second) == pytest.approx(expected, abs=0.08)
    assert abs(kraskov(first, generator.permutation(second))) < 0.06


def test_labels_that_can_be_told_apart_give_their_entropy_and_others_nothing():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 1, 1], 300)
    apart = generator.standard_normal((1200, 3)) + 20 * labels[:, None]
    assert entropy(labels) == pytest.approx(0.75 * np.log2(4 / 3) + 0.25 * 2)
    assert ross(apart, labels) == pytest.approx(entropy(labels), abs=0.01)
    assert abs(ross(apart, generator.permutation(labels))) < 0.05


def test_equal_vectors_tell_nothing():
    same = prepared(np.ones((200, 4)), 0)
    assert abs(ross(same, np.arange(200) % 2)) < 0.12
