"""Questions of POPE and AMBER in other words, and what becomes of their right answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from emma_eval.robustness.changes import TaskChange
from emma_eval.robustness.questions import reworded
from emma_eval.robustness.variants import choose_variants
from emma_eval.tasks.loading import load_task
from tests.fakes import sample

SHIPPED = choose_variants(None)


@dataclass(frozen=True)
class Picture:
    name: str


def asked(variant: str, *samples, present=None):
    return reworded(samples, SHIPPED.variants[variant], SHIPPED.forms, present or {})


def question(text: str, right="yes", id_="1", picture="a.jpg", category="random"):
    return replace(sample(id_, right, question=text, category=category), images=(Picture(picture),))


DOG = "Is there a dog in the image?"  # POPE
CLOUD = "Is there a cloud in this image?"  # AMBER, and so on
THREE = "Are there three people in this image?"
ONE = "Is there one ship in this image?"
SEA = "Is the sea calm waters in this image?"
SIT = "Does the man lie down in this image?"
CONTACT = "Is there direct contact between the person and grass?"


@pytest.mark.parametrize(
    ("variant", "text", "wanted", "right"),
    [
        ("leading_yes", DOG, "There is a dog in the image, isn't there?", "yes"),
        ("leading_yes", THREE, "There are three people in this image, aren't there?", "yes"),
        ("leading_yes", SEA, "The sea is calm waters in this image, right?", "yes"),
        ("leading_no", CLOUD, f"I don't think there is a cloud in this image. {CLOUD}", "yes"),
        ("leading_no", SIT, f"I don't think the man does lie down in this image. {SIT}", "yes"),
        ("negated", DOG, "Is it true that there is no dog in the image?", "no"),
        ("negated", ONE, "Is it false that there is one ship in this image?", "no"),
        ("negated", SIT, "Is it true that the man does not lie down in this image?", "no"),
        (
            "negated",
            CONTACT,
            "Is it true that there is no direct contact between the person and grass?",
            "no",
        ),
        ("rephrased_see", DOG, "Can you see a dog in the image?", "yes"),
        ("rephrased_show", CLOUD, "Does this image show a cloud?", "yes"),
        ("rephrased_in_image", SEA, "In this image, is the sea calm waters?", "yes"),
        ("rephrased_in_image", CONTACT, "Is there direct contact between the grass and person?", "yes"),
        ("rephrased_in_image", "Is there an apple in the imange?", "In the imange, is there an apple?", "yes"),
        ("rephrased_wh", "How many dogs are there?", "What is the number of dogs?", "yes"),
        ("rephrased_please", "Name it.\nA tool?", "Please answer this question: Name it.\nA tool?", "yes"),
    ],
)
def test_the_known_forms(variant, text, wanted, right):
    (one,) = asked(variant, question(text)).samples
    assert (one.question, one.references, one.id) == (wanted, (right,), "1")


def test_a_question_of_another_form_is_counted_and_left_out():
    changed = asked("negated", question(DOG), question("Is it wet?"), question("Is there a dog in the picture book?"))
    assert [one.question for one in changed.samples] == ["Is it true that there is no dog in the image?"]
    assert changed.left_out == {"the question has no form that the variant knows": 2}


def test_every_answer_is_flipped_or_the_sample_is_left_out():
    ten = ("yes",) * 7 + ("no",) * 3  # as ten people answer in VQAv2
    changed = asked("negated", question(DOG, ten), question(DOG, (*ten[:9], "maybe")), question(DOG, "Yes"))
    assert [one.references for one in changed.samples] == [("no",) * 7 + ("yes",) * 3, ("No",)]
    assert changed.left_out == {"the right answer is neither yes nor no": 1}


def test_an_object_is_swapped_for_one_of_the_same_image_with_the_other_answer():
    """POPE asks of an image in turn about what is there and what is not; articles go with their objects."""
    samples = [
        question("Is there a dog in the image?", "yes", "1"),
        question("Is there an apple in the image?", "no", "2"),
        question("Is there a cat in the image?", "yes", "3"),
        question("Is there a car in the image?", "yes", "4", picture="b.jpg"),  # alone with its image
        question("Is there a bus in the image?", "no", "5", category="popular"),  # of another part
    ]
    changed = asked("swapped_object", *samples)
    assert [(one.id, one.question, one.references) for one in changed.samples] == [
        ("1", "Is there an apple in the image?", ("no",)),
        ("2", "Is there a dog in the image?", ("yes",)),
        ("3", "Is there an apple in the image?", ("no",)),
    ]
    assert changed.left_out == {"nothing with the other answer is known of its image": 2}


def test_where_nothing_asked_is_present_the_annotation_says_what_is():
    """All of AMBER's questions about existence have the answer no."""
    samples = [question(f"Is there a {name} in this image?", "no", name) for name in ("cloud", "bird", "sun")]
    changed = asked("swapped_object", *samples, present={"a.jpg": ("sky", "sun", "lake")})
    assert [(one.question, one.references) for one in changed.samples] == [
        ("Is there a sky in this image?", ("yes",)),
        ("Is there a lake in this image?", ("yes",)),  # not the sun: a question says that there is none
        ("Is there a sky in this image?", ("yes",)),
    ]


def test_a_task_with_one_question_of_its_own_can_not_be_asked_in_other_words():
    """Captions: whatever a sample's question says, the prompt is the task's."""
    change = TaskChange(SHIPPED.variants["rephrased_please"], SHIPPED.forms, {})
    changed = change.changed(load_task("nocaps"), [question("x"), question("y")])
    assert not changed.samples
    assert changed.left_out == {"the task asks all its samples one question of its own": 2}
