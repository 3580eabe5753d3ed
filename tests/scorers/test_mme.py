"""MME: parsing of answers, and answers that are neither yes nor no."""

import pytest

from emma_eval.scorers.mme import mme, parse_answer
from tests.fakes import sample
from tests.scorers.helpers import answered, names, value


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("Yes", "yes"),
        ("a yes", "other"),  # not within 4 characters
        ("yes no", "yes"),
        ("not sure", "no"),
        ("know", "no"),
        ("None", "no"),
        ("I know", "other"),
        ("The answer is yes", "other"),
        ("", "other"),
        (" no", "no"),
    ],
)
def test_the_first_four_characters_are_searched(text, parsed):
    assert parse_answer(text) == parsed


def pair(subtask, *ids):
    return [sample(id_, reference, category=subtask, pair=0) for id_, reference in zip(ids, ("Yes", "No"), strict=True)]


def test_score_is_100_acc_plus_100_acc_plus():
    samples = [*pair("count", "1", "2"), *pair("OCR", "3", "4")]
    scores = mme(samples, answered("yes", "no", "yes", "yes"))
    assert value(scores, "score", "subtask", "count") == 200
    assert value(scores, "score", "subtask", "OCR") == 50
    assert (value(scores, "perception"), value(scores, "cognition"), value(scores, "score")) == (250, 0, 250)


def test_other_is_wrong_but_left_out_of_precision_and_recall():
    scores = mme(pair("count", "1", "2"), answered("yes", "maybe"))
    assert value(scores, "acc", "subtask", "count") == 0.5
    assert value(scores, "precision", "subtask", "count") == 1
    assert value(scores, "other", "subtask", "count") == 1


def test_nothing_read_is_zero_with_a_note_where_the_tool_stops():
    scores = mme(pair("count", "1", "2"), answered("perhaps", "perhaps"))
    assert value(scores, "score") == 0
    assert any("count" in note for note in scores.notes)


def test_subtasks_stand_in_the_official_order_and_absent_ones_are_noted():
    scores = mme([*pair("OCR", "1", "2"), *pair("count", "3", "4")], answered("yes", "no", "yes", "no"))
    assert list(dict.fromkeys(m.category for m in scores.metrics if m.group)) == ["count", "OCR"]
    assert "text_translation" in scores.notes[-1]
    assert {"acc", "acc_plus", "tp", "fn", "tn", "fp"} <= names(scores)
