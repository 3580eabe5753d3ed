"""Where a question's images go: before it, where its text points at them, or pasted into one.

Benchmarks with several images point at them by `<image>` (MuirBench) or `<image 1>` (MMMU) in question and options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from emma_eval.images.sources import ConcatenatedImage
from emma_eval.types import IMAGE_MARKER, ImageSource, Sample

_POINTER = re.compile(r"<image(?: (\d+))?>")


def markers(images: int) -> str:
    """One image marker a line, as many as there are images."""
    return f"{IMAGE_MARKER}\n" * images


def pasted(sample: Sample, choices: Mapping[str, str]) -> tuple[Sample, Mapping[str, str]]:
    """The sample with its images pasted into one, and its choices, reworded as EMMA's MuirBench script rewords them.

    The script splits the question at blanks. The first word that has an `<image>` in it keeps it, or all it has; those
    of later words become `Right Image`. Options that are images become `Image 2`, `Image 3`, ...
    """
    words = sample.question.split(" ")
    first = next((place for place, word in enumerate(words) if IMAGE_MARKER in word), len(words))
    words[first + 1 :] = [word.replace(IMAGE_MARKER, "Right Image") for word in words[first + 1 :]]
    shown = [letter for letter, text in choices.items() if IMAGE_MARKER in text]
    named = {letter: f"Image {number}" for number, letter in enumerate(shown, 2)}
    return replace(sample, question=" ".join(words), images=side_by_side(sample.images)), {**choices, **named}


def side_by_side(images: tuple[ImageSource, ...]) -> tuple[ImageSource, ...]:
    """Several images pasted into one, in a tuple of its own; one or none as it is."""
    return (ConcatenatedImage(images),) if len(images) > 1 else images


def in_place(text: str, images: tuple[ImageSource, ...]) -> tuple[str, tuple[ImageSource, ...]]:
    """The text with a marker where it first points at an image, and the images in the markers' order.

    Images that the text does not point at come before it, one a line. `<image>` points at the next image,
    `<image 2>` at the second; what points at no image, or at one that stands already, stays as it is.
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
    return markers(len(waiting)) + marked, (*waiting.values(), *placed)
