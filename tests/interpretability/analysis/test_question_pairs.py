"""Which samples make a pair, and when the answers of a pair follow its questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emma_eval.interpretability.analysis.question_pairs import (
    Pair,
    PairScore,
    compare_following,
    find_pairs,
    score_pairs,
)
from tests.interpretability.analysis.subjects import TASK, item, plan, questions


def test_each_image_gives_the_first_pair_to_which_different_answers_are_right():
    items = [
        item("1", 0, "Red?", "yes", "yes"),
        item("2", 0, "Blue?", "Yes.", "yes"),
        item("3", 0, "Green?", "no", "yes"),
        item("4", 1, "Red?", "yes", "yes"),
        item("5", 1, "Red?", "no", "yes"),
        item("6", 2, "Red?", "yes", "yes"),
        item("7", 2, "Blue?", "yes", "yes"),
        item("8", 3, "Red?", "yes", "yes"),
    ]
    assert find_pairs(items) == [Pair(0, 2, True), Pair(5, 6, False)]
    assert find_pairs(items, unscored=[TASK]) == [Pair(0, 1, False), Pair(5, 6, False)]
    held_back = [replace(one, score=None) for one in items]
    assert find_pairs(held_back) == [Pair(0, 1, False), Pair(5, 6, False)]


def test_one_image_in_two_tasks_makes_no_pair():
    items = questions(1)
    assert find_pairs([items[0], replace(items[1], task="another")]) == []


def test_answers_follow_if_each_is_right_for_its_own_question():
    items = questions(3)
    pairs = find_pairs(items)
    texts = {0: "red", 1: "two", 2: "red", 3: "Red.", 4: "two", 5: "red"}
    assert score_pairs(plan(items), items, pairs, texts) == [
        PairScore((1, 1), (0, 0), same=False),
        PairScore((1, 0), (0, 1), same=True),
        PairScore((0, 0), (1, 1), same=False),
    ]


def test_settings_are_compared_pair_by_pair():
    """Of ten pairs eight follow, then five of these: McNemar's exact p of three losses is 2 / 2^3."""
    right, wrong = PairScore((1, 1), (0, 0), same=False), PairScore((1, 0), (0, 1), same=True)
    found = compare_following(8 * [right] + 2 * [wrong], 5 * [right] + 5 * [wrong])
    assert (found.first, found.second, found.difference) == (80, 50, pytest.approx(-30))
    assert found.p_value == 0.25
    low, high = found.interval
    assert -80 <= low < -30 < high <= 0
