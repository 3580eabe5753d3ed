"""METEOR: from the program's counts to the ratios of each caption, checked by hand."""

from __future__ import annotations

import pytest

from emma_eval.scorers.meteor import ratios
from emma_eval.stats.bootstrap import recompute
from emma_eval.types import Metric, SampleScore

VERBATIM = [16, 16, 8, 8, 8, 8, 8, 8, *[0] * 12, 1, 16, 16]
PARTLY = [10, 9, 4, 5, 3, 3, 3, 3, *[0] * 12, 2, 6, 6]
NOTHING = [4, 9, 1, 5, *[0] * 16, 0, 0, 0]


def value(*counted: list[int]) -> float:
    metric = Metric("meteor", 0.0, len(counted), "fraction", ratios=ratios(counted), aggregate="meteor")
    return recompute(metric, [SampleScore(str(place), 0.0, "") for place in range(len(counted))])


def test_a_caption_like_its_reference_is_worth_1() -> None:
    assert value(VERBATIM) == pytest.approx(1, abs=1e-12)


def test_a_caption_that_shares_nothing_is_worth_0() -> None:
    assert value(NOTHING) == 0


def test_words_are_weighed_and_chunks_cost() -> None:
    precision, recall = 3 / (0.75 * 6 + 0.25 * 4), 3 / (0.75 * 4 + 0.25 * 5)
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    assert value(PARTLY) == pytest.approx(mean * (1 - 0.6 * (2 / 6) ** 0.2), abs=1e-12)


def test_of_several_captions_the_counts_are_summed() -> None:
    both = value(VERBATIM, PARTLY)
    precision, recall = 11 / (8 + 5.5), 11 / (8 + 4.25)
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    assert both == pytest.approx(mean * (1 - 0.6 * (2 / 22) ** 0.2), abs=1e-12)
