"""Token kinds, labels, means, ranks: the small parts that sections are made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from emma_eval.interpretability.analysis.labels import answer_label, reference_label
from emma_eval.interpretability.analysis.means import Variation, group_means
from emma_eval.interpretability.analysis.spectrum import effective_rank, rank_of_share
from emma_eval.interpretability.analysis.tokens import KINDS, token_kinds
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from tests.fakes import sample


@pytest.mark.parametrize(
    ("text", "words"),
    [("is there a dog?", 5), ("", 0), ("! ! !", 3), ("wait! what", 3), ("dog " * 100, 75)],
)
def test_words_end_at_the_first_end_token(text, words):
    (kinds,) = token_kinds(np.array([tokenize_instruction(text)]))
    assert [int((kinds == number).sum()) for number in range(len(KINDS))] == [1, words, 1, 75 - words]
    assert list(kinds) == sorted(kinds)  # in the order of KINDS


def test_a_letter_stands_for_its_option():
    one = sample("1", ("B",), options=("A dog", "Two cats."))
    assert [answer_label(one, text) for text in ("B", "(b).", "two CATS", "C", "")] == [
        "two cats",
        "two cats",
        "two cats",
        "c",
        "(empty)",
    ]
    assert reference_label(one) == "two cats"
    assert reference_label(sample("1", ("no", "yes", "Yes"))) == "yes"
    assert reference_label(sample("1", ())) is None


def test_variation_is_the_share_of_variance_in_the_mean_square():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn((7, 3, 4), generator=generator) + 2
    variation = Variation()
    variation.add(features[:2])
    variation.add(features[2:])
    values = features.double().numpy()
    assert variation.share == pytest.approx(values.var(axis=0, ddof=1).sum() / (values**2).sum(axis=(1, 2)).mean())
    same = Variation()
    same.add(features[:1].expand(5, -1, -1))
    assert same.share == pytest.approx(0, abs=1e-6)
    assert Variation().share is None


def test_means_of_groups_draw_whole_clusters():
    values = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    found = group_means(values, {"all": range(6), "two": [0, 2]}, ["a", "a", "b", "b", "c", "d"])
    assert (found["all"].value, found["two"].value) == (0.5, 0.5)
    low, high = found["all"].interval
    assert low == 0
    assert high == 1
    assert group_means(values, {"one": [1]}, list("abcdef"))["one"].cells == (0.0, None, None)


def test_effective_rank_is_the_exponential_of_the_entropy():
    assert effective_rank(np.ones(5)) == pytest.approx(5)
    assert effective_rank(np.array([2.0, 0.0])) == pytest.approx(1)
    # shares 3/4 and 1/4: H = ln 4 - 3/4 ln 3
    assert effective_rank(np.array([3.0, 1.0])) == pytest.approx(math.exp(math.log(4) - 0.75 * math.log(3)))
    assert effective_rank(np.zeros(3)) == 0


def test_the_rank_of_a_share_counts_squares():
    values = np.array([3.0, 2.0, 1.0])  # squares 9, 4, 1 of 14
    assert [rank_of_share(values, share) for share in (0.5, 9 / 14, 0.65, 13 / 14, 0.99)] == [1, 1, 2, 2, 3]
    assert rank_of_share(np.zeros(2), 0.5) == 0
