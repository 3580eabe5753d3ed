"""What a variant asks: another instruction or image for every question, everything else as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from emma_eval.errors import UserError
from emma_eval.images.sources import UnpaddedImage
from emma_eval.interpretability.changed_requests import VariantRequests, derangement, system_text
from emma_eval.interpretability.shown_images import images_of_variant
from emma_eval.interpretability.variants import SHIPPED, Variant, read_variants
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample

VARIANTS = read_variants(SHIPPED)
TASK = load_task("scienceqa")


@dataclass(frozen=True)
class Square:
    """An image that is known by its name: black, one half of it white."""

    name: str

    @property
    def label(self) -> str:
        return self.name

    def exists(self) -> bool:
        return True

    def open(self) -> Image.Image:
        image = Image.new("RGB", (40, 20))
        image.paste((255, 255, 255), (0, 0, 20, 20))
        return image


SAMPLES = [  # two questions on each of three images, and one on none
    Sample(
        str(i),
        f"Which {i // 2 if i < 6 else i}?",
        (Square(f"{i % 3}.png"),) if i < 6 else (),
        references=("A",),
        options=("one", "two"),
    )
    for i in range(7)
]


def asked(name: str, **changes: object):
    variant: Variant = VARIANTS[name].model_copy(update=changes)
    return list(VariantRequests(variant)(TASK, SAMPLES, "vicuna_v1"))


PLAIN = list(build_requests(TASK, SAMPLES))


@pytest.mark.parametrize("count", [0, 2, 3, 10, 500])
def test_a_derangement_leaves_nothing_in_its_place(count):
    places = derangement(count, "0 pope image")
    assert sorted(places) == list(range(count))
    assert all(place != own for own, place in enumerate(places))
    assert places == derangement(count, "0 pope image")
    assert count < 10 or places != derangement(count, "1 pope image")


def test_weights_alone_leave_the_requests():
    assert asked("alignment_off") == asked("text_off") == PLAIN


def test_the_instruction_alone_is_another():
    for name in ("empty_instruction", "other_instruction", "whole_question", "system_instruction"):
        for request, plain in zip(asked(name), PLAIN, strict=True):
            assert request.instruction != plain.instruction
            assert replace(request, instruction=plain.instruction) == plain
    assert {request.instruction for request in asked("empty_instruction")} == {""}
    assert {request.instruction for request in asked("other_instruction")} == {one.instruction for one in PLAIN}
    assert asked("other_instruction", seed=1) != asked("other_instruction")
    assert "A. one" in asked("whole_question")[0].instruction
    assert asked("system_instruction")[0].instruction == (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions."
    )


def test_an_image_goes_to_all_questions_of_another():
    other = {}
    for request, plain in zip(asked("other_image"), PLAIN, strict=True):
        assert replace(request, images=plain.images) == plain
        assert len(request.images) == len(plain.images)
        for mine, own in zip(request.images, plain.images, strict=True):
            assert mine.name != own.name
            assert other.setdefault(own.name, mine.name) == mine.name
    assert sorted(other.values()) == ["0.png", "1.png", "2.png"]


def test_without_an_image_there_is_no_marker():
    requests = asked("no_image")
    assert "<image>\n" in PLAIN[0].message
    assert all("<image>" not in request.message and not request.images for request in requests)
    assert [one.message for one in requests] == [one.message.removeprefix("<image>\n") for one in PLAIN]


def test_blank_and_blurred_images():
    blank = asked("blank_image")[0].images[0].open()
    assert blank.getextrema() == ((128, 128),) * 3
    assert len({request.images for request in asked("blank_image") if request.images}) == 1
    levels = np.asarray(asked("blurred_image", blur_radius=0.1)[0].images[0].open(), float)[:, :, 0]  # of 2 pixels
    edge = [127.5 * (1 - np.tanh(0.7978846 * (x := d / 2) + 0.0356774 * x**3)) for d in (-3.5, -1.5, 0.5, 2.5)]
    assert levels[10, [16, 18, 20, 22]] == pytest.approx(edge, abs=6)  # a step behind a Gaussian


def test_an_image_that_is_not_padded_stays_so():
    task = TASK.model_copy(update={"prompt": TASK.prompt.model_copy(update={"padding": "none"})})
    (image,) = next(iter(VariantRequests(VARIANTS["blurred_image"])(task, SAMPLES, ""))).images
    assert isinstance(image, UnpaddedImage)
    assert image.name == "0.png, blurred by 0.05"


def test_where_there_is_no_other_one():
    with pytest.raises(UserError, match="task scienceqa: all its questions have one image"):
        VariantRequests(VARIANTS["other_image"])(TASK, SAMPLES[:1], "")
    assert VariantRequests(VARIANTS["other_image"])(TASK, SAMPLES[6:], "")  # no image at all: nothing to change
    with pytest.raises(UserError, match="'plain' has no system text"):
        system_text("plain")
    assert system_text("llava_llama_2").startswith("You are a helpful language and vision assistant.")


@pytest.mark.parametrize("name", ["blurred_image", "blank_image", "other_image", "no_image"])
def test_pages_show_the_images_that_were_asked_about(name):
    shown = {one.sample_id: one.images for one in asked(name)}
    assert images_of_variant(VARIANTS[name].definition, TASK, SAMPLES) == shown


def test_of_other_variants_pages_show_the_samples_own():
    assert images_of_variant(VARIANTS["system_instruction"].definition, TASK, SAMPLES) == {}
    assert images_of_variant(VARIANTS["text_off"].definition, TASK, SAMPLES) == {}


@pytest.mark.parametrize("definition", ["", "[]", "3", '{"corruption": "fog"}', '{"image": "none", "x": 1}'])
def test_definitions_of_other_commands_are_left_to_them(definition):
    assert images_of_variant(definition, TASK, SAMPLES) is None
