"""Where images go in a prompt with several of them."""

from pathlib import Path

import pytest

from emma_eval.images.sources import ImageFile
from emma_eval.prompts.building import build_requests
from emma_eval.prompts.image_placement import concatenate_inline, place_inline
from emma_eval.tasks.loading import load_task
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
def test_place_inline(text, marked, order):
    assert place_inline(text, ("a", "b")) == (marked, tuple(order))


def test_a_pointer_to_no_image_stays_for_the_model_to_refuse():
    assert place_inline("<image> <image>", ("a",)) == ("<image> <image>", ("a",))


def test_concatenate_inline_rewords_all_pointers_but_the_first_and_options_that_are_images():
    sample = Sample("1", "Is <image> like <image> or <image>?", ("a", "b", "c"))
    one, choices = concatenate_inline(sample, {"A": "<image>", "B": "no", "C": "see <image>"})
    assert one.question == "Is <image> like Right Image or Right Image?"
    assert choices == {"A": "Image 2", "B": "no", "C": "Image 3"}
    assert one.images[0].parts == ("a", "b", "c")


def test_a_single_image_is_not_concatenated():
    one, _ = concatenate_inline(Sample("1", "What?", ("a",)), {})
    assert one.images == ("a",)


@pytest.mark.parametrize(
    ("question", "options", "sent"),
    [
        ("Which fits?", ("<image>", "<image>"), 0),
        ("No pointer at all?", ("red", "blue"), 0),
        ("Is <image> like <image>?", ("red", "blue"), 1),
    ],
)
def test_concatenated_images_are_sent_where_the_question_points_at_one(question, options, sent):
    sample = Sample("1", question, (ImageFile(Path(), "a"), ImageFile(Path(), "b")), ("A",), options)
    (request,) = build_requests(load_task("muirbench_pasted"), [sample])
    assert len(request.images) == request.message.count("<image>") == sent


def test_concatenated_images_words_are_what_stands_between_blanks():
    def reworded(question):
        return concatenate_inline(Sample("1", question, ("a", "b")), {})[0].question

    assert reworded("See <image> and <image>,<image>.") == "See <image> and Right Image,Right Image."
    assert reworded("<image>\n<image>\nWhich <image>?") == "<image>\n<image>\nWhich Right Image?"
