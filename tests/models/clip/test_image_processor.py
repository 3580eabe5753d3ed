"""Pixel values are bit-identical to transformers' Pillow backend, whatever the image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emma_eval.errors import UserError
from emma_eval.models.clip.image_processor import ImageProcessor, Squaring, pad_to_square, read_processor

reference = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    levels = np.random.default_rng(width * height).integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(levels, "RGBA").convert(mode)


@pytest.mark.parametrize("size", [(640, 480), (333, 500), (336, 336), (337, 336), (1000, 90), (20, 31), (7, 7)])
@pytest.mark.parametrize("side", [336, 224, 64])
def test_every_size_gives_transformers_pixels(size: tuple[int, int], side: int) -> None:
    theirs = reference.CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    expected = theirs(noise(*size), return_tensors="np")["pixel_values"][0]
    np.testing.assert_array_equal(ImageProcessor(size=side, crop_size=side)(noise(*size)), expected)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_mode_is_read_as_rgb(mode: str) -> None:
    image = noise(90, 70, mode)
    processor = ImageProcessor(size=56, crop_size=56)
    np.testing.assert_array_equal(processor(image), processor(image.convert("RGB")))


def test_all_256_values_of_every_channel() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    theirs = reference.CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    expected = theirs(Image.fromarray(ramp), return_tensors="np")["pixel_values"][0]
    np.testing.assert_array_equal(ImageProcessor(size=16, crop_size=16)(Image.fromarray(ramp)), expected)


def test_a_crop_larger_than_the_image_is_filled_with_black() -> None:
    theirs = reference.CLIPImageProcessorPil(size={"shortest_edge": 20}, crop_size={"height": 31, "width": 31})
    expected = theirs(noise(20, 25), return_tensors="np")["pixel_values"][0]
    np.testing.assert_array_equal(ImageProcessor(size=20, crop_size=31)(noise(20, 25)), expected)


def test_padding_is_the_mean_color_with_the_offset_rounded_down() -> None:
    padded = np.asarray(pad_to_square(Image.new("RGB", (4, 1), "white"), (122, 116, 104)))
    assert padded.shape == (4, 4, 3)
    assert [row[0].tolist() for row in padded] == [[122, 116, 104], [255] * 3, [122, 116, 104], [122, 116, 104]]


def test_squashing_enlarges_to_the_longer_side_before_clips_resize() -> None:
    """As mPLUG-Owl2's scripts do: two resizes, which one alone does not equal."""
    image = noise(100, 40)
    squashed = image.resize((100, 100), Image.Resampling.BICUBIC)
    ours = ImageProcessor(size=28, crop_size=28, squaring="squash")(image)
    theirs = reference.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    np.testing.assert_array_equal(ours, theirs(squashed, return_tensors="np")["pixel_values"][0])
    direct = theirs(image.resize((28, 28), Image.Resampling.BICUBIC), return_tensors="np")["pixel_values"][0]
    assert (ours != direct).any()


@pytest.mark.parametrize("squaring", ["none", "pad", "squash"])
def test_an_image_whose_canvas_no_memory_holds_is_refused(squaring: Squaring) -> None:
    thread = Image.new("RGB", (1, 200_000))  # a square around it would take 160 GB
    with pytest.raises(ValueError, match=r"too long and thin: to prepare it takes [\d,]+ x [\d,]+ pixels"):
        ImageProcessor(size=224, crop_size=224, squaring=squaring)(thread)


def test_orientation_tags_are_ignored() -> None:
    turned = noise(40, 30)
    turned.getexif()[0x0112] = 6
    processor = ImageProcessor(size=28, crop_size=28)
    np.testing.assert_array_equal(processor(turned), processor(noise(40, 30)))


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"do_center_crop": False}, "do_center_crop"),
        ({"size": {"height": 28, "width": 28}}, "size"),
        ({"size": "large"}, "size"),
        ({"crop_size": 14}, "crop_size 14"),
        ({"image_mean": [0.5, 0.5]}, "image_mean"),
    ],
)
def test_what_is_not_clips_preprocessing_is_refused(content: dict[str, Any], key: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=key):
        read_processor(tmp_path, image_size=28)


@pytest.mark.parametrize("size", [(640, 480), (333, 500), (90, 1000), (20, 31)])
def test_fast_preprocessing_differs_by_at_most_one(size: tuple[int, int]) -> None:
    exact = ImageProcessor(size=336, crop_size=336).pixels_uint8(noise(*size)).astype(int)
    fast = ImageProcessor(size=336, crop_size=336, fast=True).pixels_uint8(noise(*size)).astype(int)
    assert np.abs(exact - fast).max() <= 1
    assert (exact != fast).mean() < 0.05
