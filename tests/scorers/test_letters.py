"""Letters parsed in the four ways behind published numbers; pairs count only together."""

import pytest

from emma_eval.scorers.letters import letters
from tests.fakes import sample
from tests.scorers.helpers import answered, value

OPTIONS = ("Open", "Closed")


@pytest.mark.parametrize(
    ("matching", "right"),
    [
        ("vlmevalkit", ["A", "A.", "(A)", "The answer is A", "Open", "A cat"]),
        ("exact", ["A", " A "]),
        ("any_case", ["A", "a"]),
        ("contains", ["A", "A.", "(A)", "The answer is A", "A cat", "B, not A", "CLEAR"]),
    ],
)
def test_what_counts_as_the_letter(matching, right):
    texts = ["A", "A.", "(A)", "The answer is A", "Open", "A cat", "a", " A ", "B", "B, not A", "CLEAR", ""]
    right = {*right, " A "} - ({"a"} if matching != "any_case" else set())
    samples = [sample(str(i), "A", options=OPTIONS) for i in range(1, len(texts) + 1)]
    scores = letters(samples, answered(*texts), matching=matching)
    assert {text for text, one in zip(texts, scores.samples, strict=True) if one.score} == right


def test_an_open_question_must_be_answered_as_the_only_truth():
    samples = [sample("1", "24/7"), sample("2", ("24/7", "3.43"))]
    scores = letters(samples, answered("24/7", "24/7"), matching="exact")
    assert [one.score for one in scores.samples] == [1, 0]


def test_a_pair_counts_when_both_are_right():
    samples = [sample(str(i), "A", options=OPTIONS, pair=(i - 1) // 2) for i in range(1, 7)]
    scores = letters(samples, answered("A", "A", "A", "B", "A", None))
    assert value(scores) == 4 / 6 * 100
    assert value(scores, "pair_accuracy") == pytest.approx(100 / 3)
    assert [one.cluster for one in scores.samples] == ["0", "0", "1", "1", "2", "2"]


def test_breakdown_by_category_and_by_every_text_in_meta():
    samples = [
        sample(
            "1", "A", options=OPTIONS, category="Ordering", image_relation="Temporal", image="a.jpg", has_image=True
        ),
        sample(
            "2", "A", options=OPTIONS, category="Counting", image_relation="Temporal", image="b.jpg", has_image=True
        ),
    ]
    scores = letters(samples, answered("A", "B"))
    groups = {(m.group, m.category): m.value for m in scores.metrics if m.group}
    assert groups == {
        ("category", "Ordering"): 100,
        ("category", "Counting"): 0,
        ("image_relation", "Temporal"): 50,
    }
