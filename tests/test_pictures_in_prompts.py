"""Where pictures go in a prompt with several of them."""

import pytest

from emma_eval.pictures_in_prompts import in_place, pasted
from emma_eval.types import Sample


@pytest.mark.parametrize(
    ("text", "marked", "order"),
    [
        ("What is it?", "<image>\n<image>\nWhat is it?", "ab"),
        ("<image> or <image>?", "<image> or <image>?", "ab"),
        ("<image 2> or <image 1>?", "<image> or <image>?", "ba"),
        ("After <image 2>?", "<image>\nAfter <image>?", "ab"),
        ("<image 1>, again <image 1>", "<image>\n<image>, again <image 1>", "ba"),
        ("<image 7>?", "<image>\n<image>\n<image 7>?", "ab"),
    ],
)
def test_in_place(text, marked, order):
    assert in_place(text, ("a", "b")) == (marked, tuple(order))


def test_a_pointer_to_no_picture_stays_for_the_model_to_refuse():
    assert in_place("<image> <image>", ("a",)) == ("<image> <image>", ("a",))


def test_pasted_rewords_all_pointers_but_the_first_and_options_that_are_pictures():
    sample = Sample("1", "Is <image> like <image> or <image>?", ("a", "b", "c"))
    one, choices = pasted(sample, {"A": "<image>", "B": "no", "C": "see <image>"})
    assert one.question == "Is <image> like Right Image or Right Image?"
    assert choices == {"A": "Image 2", "B": "no", "C": "Image 3"}
    assert one.images[0].parts == ("a", "b", "c")


def test_a_single_picture_is_not_pasted():
    one, _ = pasted(Sample("1", "What?", ("a",)), {})
    assert one.images == ("a",)


def test_pictures_that_the_options_alone_point_at_are_not_sent():
    one, choices = pasted(Sample("1", "Which fits?", ("a", "b")), {"A": "<image>", "B": "<image>"})
    assert (one.images, choices) == ((), {"A": "Image 2", "B": "Image 3"})
