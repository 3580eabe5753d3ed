"""How the mini family is compared: by hand on a few invented questions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from benchmarks.mini_family import OFF, Questions, at_least


def frame(scores: list[float]) -> pd.DataFrame:
    rows = [{"task": "a", "id": str(k), "image": f"{k // 2}.png", "options": []} for k in range(4)] + [
        {"task": "b", "id": str(k), "image": None, "options": list("ABCD")} for k in range(2)
    ]
    table = pd.DataFrame(rows).assign(score=scores)
    table.attrs["pope_f1"] = 90.0
    return table


def test_the_mean_weighs_benchmarks_alike():
    questions = Questions(frame([1, 1, 1, 0, 0, 1]))
    assert questions.mean(np.array([1, 1, 1, 0, 0, 1.0])) == pytest.approx(100 * (0.75 + 0.5) / 2)


def test_questions_about_an_image_are_drawn_together():
    units = Questions(frame([0] * 6)).unit
    assert units[0] == units[1] != units[2] == units[3]
    assert len(set(units.tolist())) == 4


def test_guesses_succeed_as_the_binomial_distribution_says():
    assert at_least(7, np.full(20, 0.25)) == pytest.approx(binom.sf(6, 20, 0.25))
    assert at_least(0, np.array([0.5, 0.1])) == pytest.approx(1.0)
    assert at_least(2, np.array([0.5, 0.1])) == pytest.approx(0.05)


def test_a_difference_is_the_mean_over_seeds_with_an_interval_that_holds_it():
    ours, theirs = [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 1, 0]
    questions = Questions(frame([0] * 6))
    scores = {"emma": np.array([ours, ours], float), OFF: np.array([theirs, theirs], float)}
    found = questions.compare(scores, "emma", OFF)
    assert found["difference"] == pytest.approx(100 * (0.75 + 0.5) / 2)
    assert found["each_seed"] == [found["difference"]] * 2
    low, high = found["interval_over_questions"]
    assert low <= found["difference"] <= high


def test_text_only_questions_are_those_without_an_image():
    questions = Questions(frame([1, 1, 1, 1, 1, 0]))
    [row] = questions.means("emma", np.array([[1, 1, 1, 1, 1, 0.0]]), [frame([1, 1, 1, 1, 1, 0])])
    assert (row["text_only"], row["text_only_chance"]) == (50.0, 25.0)
    assert row["text_only_p"] == pytest.approx(1 - 0.75**2)
