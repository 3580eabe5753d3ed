"""Options in another order: the right letter moves with its text, and an answer is known by the text that it chose."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from emma_eval.robustness.option_order import chosen_letters, reordered
from emma_eval.robustness.variants import choose_variants
from emma_eval.types import SampleScore
from tests.fakes import sample

VARIANTS = choose_variants(None).variants
WORDS = ("red", "green", "blue", "grey")


def task(circular=False, option="\n{letter}. {text}", max_options=None):
    return SimpleNamespace(circular=circular, prompt=SimpleNamespace(option=option, max_options=max_options))


def asked(variant, *samples, **of_task):
    return reordered(task(**of_task), samples, VARIANTS[variant])


@pytest.mark.parametrize(
    ("variant", "options", "right"),
    [
        ("reversed_options", ("grey", "blue", "green", "red"), "C"),
        ("rotated_1", ("green", "blue", "grey", "red"), "A"),
        ("rotated_2", ("blue", "grey", "red", "green"), "D"),
        ("rotated_3", ("grey", "red", "green", "blue"), "C"),
    ],
)
def test_the_right_letter_moves_with_its_text(variant, options, right):
    (one,) = asked(variant, sample("1", "B", options=WORDS)).samples
    assert (one.options, one.references) == (options, (right,))


def test_the_passes_of_a_circular_question_are_reversed_each():
    passes = (
        ({"A": "x", "B": "y", "D": "z"}, "B"),
        ({"A": "y", "B": "z", "D": "x"}, "A"),
    )  # C is missing, as in MMBench
    (one,) = asked("reversed_options", sample("1", "B", options=("x", "y", "z"), passes=passes), circular=True).samples
    assert one.meta["passes"] == (
        ({"A": "z", "B": "y", "D": "x"}, "B"),
        ({"A": "x", "B": "z", "D": "y"}, "D"),
    )


@pytest.mark.parametrize(
    ("variant", "one", "of_task", "reason"),
    [
        ("reversed_options", sample("1", "yes"), {}, "it has no options"),
        ("rotated_2", sample("1", "A", options=("x", "y")), {}, "it has too few options"),
        ("rotated_1", sample("1", "A", options=WORDS), {"circular": True}, "its passes are the rotations already"),
        ("rotated_1", sample("1", "A", options=WORDS), {"option": ""}, "its options stand in its question"),
        ("rotated_1", sample("1", "A", options=WORDS), {"max_options": 3}, "not all of its options are shown"),
        ("rotated_1", sample("1", "E", options=WORDS), {}, "its right answer is none of its options"),
        ("rotated_1", sample("1", "", options=WORDS), {}, "its right answer is none of its options"),
        ("reversed_options", sample("1", "A", options=("x", "none of the above")), {}, "speaks of another one's place"),
        ("reversed_options", sample("1", "A", options=("x", "y", "Both A and B")), {}, "speaks of another one's place"),
        ("reversed_options", sample("1", "A", options=("<image 1>", "<image 2>")), {}, "holds an image"),
    ],
)
def test_what_can_not_be_reordered_is_counted(variant, one, of_task, reason):
    changed = asked(variant, one, **of_task)
    assert not changed.samples
    ((found, count),) = changed.left_out.items()
    assert reason in found
    assert count == 1


def test_above_the_table_is_a_place_in_the_image():
    assert asked("reversed_options", sample("1", "A", options=("above the table", "A dog and a cat"))).samples


@pytest.mark.parametrize(
    ("parsed", "status", "circular", "texts"),
    [
        ("B", "answered", False, ["green"]),
        ("The answer is C", "answered", False, ["blue"]),
        ("purple", "answered", False, [None]),
        ("B", "failed", False, [None]),
        ("BADC", "answered", True, ["green", "green", "green", "green"]),  # of rotations
        ("BA-C", "answered", True, ["green", "green", None, "green"]),
        ("BA", "answered", True, [None] * 4),
    ],
)
def test_the_text_that_an_answer_chose(parsed, status, circular, texts):
    found = chosen_letters(sample("1", "B", options=WORDS), SampleScore("1", 1.0, parsed, status), parsed, circular)
    assert [choices.get(letter) for letter, choices in found] == texts


@pytest.mark.parametrize(
    ("text", "letter"),
    [("B", "B"), ("(B) green", "B"), ("b", "B"), ("It is Green.", "B"), ("I cannot see it", ""), ("a thing", "")],
)
def test_a_letter_that_was_drawn_at_random_is_no_answer(text, letter):
    """MMMU's official tool draws one where the text gives none."""
    ((found, _),) = chosen_letters(sample("1", "B", options=WORDS), SampleScore("1", 1.0, "B"), text, circular=False)
    assert found == letter
