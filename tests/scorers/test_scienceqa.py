"""ScienceQA: LLaVA's parser, and what counts as IMG."""

import pytest

from emma_eval.scorers.scienceqa import parse_gpt3, parse_llava, scienceqa
from emma_eval.types import Answer
from tests.fakes import sample
from tests.scorers.helpers import answered, value

META = {"subject": "natural science", "grade": "grade8", "topic": "physics", "has_image": False}


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("B. a cat", "B"),
        ("B.", "FAILED"),
        ("(B)", "FAILED"),
        ("b", "FAILED"),
        (" B", "FAILED"),
        ("F", "FAILED"),
        ("Because. The answer is C.", "C"),
        ("The answer is C", "FAILED"),  # any character must follow
        ("The answer is Alaska.", "A"),
        ("The answer is A. No. The answer is B.", "FAILED"),  # exactly one match
    ],
)
def test_llavas_reading(text, letter):
    assert parse_llava(text) == letter


def test_the_gpt3_pattern_knows_no_bare_letters():
    assert (parse_gpt3("B"), parse_gpt3("The answer is B.")) == ("FAILED", "B")


def test_a_letter_without_an_option_is_wrong():
    two = sample("1", "B", options=("x", "y"), **META)
    assert scienceqa([two], answered("C")).samples[0].score == 0
    assert scienceqa([two], answered("B")).samples[0].score == 1


def test_img_counts_prompts_with_an_image_marker():
    samples = [sample(id_, "A", options=("x", "y"), **META) for id_ in ("1", "2", "3")]
    answers = {("1", 0): Answer("A", "<image>\nQ"), ("2", 0): Answer("B", "Q")}
    scores = scienceqa(samples, answers)
    assert value(scores, "img_accuracy") == 100  # 3 is missing, and was not asked with an image
    assert value(scores) == pytest.approx(100 / 3)


def test_without_prompts_the_samples_say_what_has_an_image():
    samples = [sample("1", "A", options=("x", "y"), **(META | {"has_image": True}))]
    assert value(scienceqa(samples, answered("B")), "img_accuracy") == 0


def test_a_question_with_hint_and_image_is_in_both_contexts():
    samples = [sample("1", "A", options=("x", "y"), hint="h", **(META | {"has_image": True}))]
    scores = scienceqa(samples, answered("A"))
    assert {m.category for m in scores.metrics if m.group == "context"} == {"text", "image"}
    assert value(scores, group="grade", category="7-12") == 100
