"""Where a question's images go: before it, where its text points at them, or concatenated into one.

Benchmarks with several images point at them by `<image>` (MuirBench) or `<image 1>` (MMMU) in question and options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from emma_eval.images.sources import ConcatenatedImage
from emma_eval.types import IMAGE_MARKER, ImageSource, Sample

_POINTER = re.compile(r"<image(?: (\d+))?>")


LAST_POINTER = 5  # the last that mPLUG-Owl2's MMMU script replaces by a marker


def image_markers(count: int, separator: str = "\n") -> str:
    """So many image markers, each followed by the separator."""
    return (IMAGE_MARKER + separator) * count


def concatenate(images: tuple[ImageSource, ...]) -> tuple[ImageSource, ...]:
    """A tuple of one image, the given ones from left to right; fewer than two as they are."""
    return (ConcatenatedImage(images),) if len(images) > 1 else images


def concatenate_inline(sample: Sample, choices: Mapping[str, str]) -> tuple[Sample, Mapping[str, str]]:
    """The sample with its images concatenated, and its choices, both reworded as EMMA's MuirBench script does it.

    The script splits the question at blanks. Only the first word that contains `<image>` keeps it (or several); in
    later words it becomes `Right Image`. Options that are images become `Image 2`, `Image 3`, ...
    """
    words = sample.question.split(" ")
    first = next((index for index, word in enumerate(words) if IMAGE_MARKER in word), len(words))
    words[first + 1 :] = [word.replace(IMAGE_MARKER, "Right Image") for word in words[first + 1 :]]
    image_letters = [letter for letter, text in choices.items() if IMAGE_MARKER in text]
    names = {letter: f"Image {number}" for number, letter in enumerate(image_letters, 2)}
    return replace(sample, question=" ".join(words), images=concatenate(sample.images)), {**choices, **names}


def place_inline(
    text: str, images: tuple[ImageSource, ...], separator: str = "\n"
) -> tuple[str, tuple[ImageSource, ...]]:
    """The text with a marker where it first points at an image, and the images in the markers' order.

    Images that the text does not point at come before it. `<image>` points at the next image,
    `<image 2>` at the second; a pointer to no image, or to one that has its marker already, stays as it is.
    """
    waiting = dict(enumerate(images, 1))
    placed: list[ImageSource] = []

    def place(pointer: re.Match[str]) -> str:
        number = int(pointer[1]) if pointer[1] else next(iter(waiting), 0)
        if number not in waiting:
            return pointer[0]
        placed.append(waiting.pop(number))
        return IMAGE_MARKER

    marked = _POINTER.sub(place, text)
    return image_markers(len(waiting), separator) + marked, (*waiting.values(), *placed)


def place_pointed(text: str, images: tuple[ImageSource, ...]) -> tuple[str, tuple[ImageSource, ...]]:
    """The text with a marker at every pointer `<image 2>`, and the images as mPLUG-Owl2's MMMU script orders them.

    An image is sent again where the text points at it again, and not at all where it does not. The script loads
    what `<image 6>` and `<image 7>` point at but keeps their text, so that the images behind them move up.
    """
    pointed: list[ImageSource] = []
    markers = 0

    def place(pointer: re.Match[str]) -> str:
        nonlocal markers
        number = int(pointer[1] or 0)
        if not 1 <= number <= len(images):
            return pointer[0]
        pointed.append(images[number - 1])
        markers += number <= LAST_POINTER
        return IMAGE_MARKER if number <= LAST_POINTER else pointer[0]

    marked = _POINTER.sub(place, text)
    return marked, tuple(pointed[:markers])
