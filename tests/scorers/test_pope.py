"""POPE: parsing of answers, and the two divisions by zero."""

import pytest

from emma_eval.scorers.pope import parse_answer, pope
from tests.fakes import sample
from tests.scorers.helpers import answered, value


@pytest.mark.parametrize("text", ["No", "no", "I do not see", "No, there is", "there is no cat", "no. Yes"])
def test_no(text):
    assert parse_answer(text) == "no"


@pytest.mark.parametrize("text", ["NO", "No!", "nope", "isn't", "", "Yes. no", "\nNo", "No\tcat", "yes"])
def test_everything_else_is_yes(text):
    assert parse_answer(text) == "yes"


def test_metrics_take_yes_as_positive():
    samples = [sample("1", "yes", category="random"), sample("2", "no", category="random")]
    scores = pope(samples, answered("yes", "yes"))
    assert (value(scores), value(scores, "precision"), value(scores, "recall")) == (0.5, 0.5, 1.0)
    assert value(scores, "yes_ratio", "category", "random") == 1.0


def test_overall_is_the_mean_over_categories():
    samples = [sample("1", "yes", category="random"), *(sample(i, "yes", category="popular") for i in "234")]
    assert value(pope(samples, answered("yes", "no", "no", "no"))) == 0.5


def test_all_no_is_zero_with_a_note():
    scores = pope([sample("1", "yes", category="random")], answered("no"))
    assert value(scores, "f1") == 0
    assert "random" in scores.notes[0]


@pytest.mark.parametrize("reference", ["yes", "no"])
def test_a_missing_answer_is_wrong_whatever_the_reference(reference):
    assert value(pope([sample("1", reference, category="random")], {})) == 0
