"""The suite's answers agree with the pixels of its images."""

import re

import numpy as np
import pytest

from emma_eval.mini.suite.drawing import FIRST_SEED
from emma_eval.mini.world import COLORS, FIRST_TRAINING_SEED

NEAR = 40  # distance of a colour after JPEG compression, summed over the channels


def mask(sample, color):
    """(192, 192) bool: the pixels of that colour."""
    pixels = np.asarray(sample.images[0].open().convert("RGB"), dtype=int)
    return np.abs(pixels - COLORS[color]).sum(axis=2) < NEAR


def correct_option(sample):
    return sample.options["ABCD".index(sample.references[0])]


def test_a_thing_that_is_present_shows_its_colour(samples):
    for sample in samples("pope_mini"):
        color = re.search(r"a (\w+) \w+ in", sample.question)[1]
        if sample.references[0] == "yes":
            assert mask(sample, color).sum() > 50, sample.question


def test_a_colour_that_does_not_occur_means_no(samples):
    absent = 0
    for sample in samples("pope_mini"):
        color = re.search(r"a (\w+) \w+ in", sample.question)[1]
        if not mask(sample, color).any():
            absent += 1
            assert sample.references[0] == "no"
    assert absent > 30


@pytest.mark.parametrize("task", ["seed_mini", "mmbench_mini"])
def test_the_correct_colour_occurs_in_the_image(task, samples):
    questions = [sample for sample in samples(task) if sample.question.startswith("What color")]
    assert questions
    for sample in questions:
        assert mask(sample, correct_option(sample)).sum() > 50


@pytest.mark.parametrize("task", ["seed_mini", "mmbench_mini"])
def test_the_correct_place_holds_the_colour(task, samples):
    questions = [sample for sample in samples(task) if sample.question.startswith("Where is")]
    assert questions
    for sample in questions:
        vertical, horizontal = correct_option(sample).split()
        pixels = mask(sample, re.search(r"the (\w+) \w+\?", sample.question)[1])
        rows = slice(0, 96) if vertical == "top" else slice(96, 192)
        columns = slice(0, 96) if horizontal == "left" else slice(96, 192)
        assert pixels[rows, columns].sum() > 50


def test_a_blurred_image_has_no_sharp_edge(samples):
    def sharpest_edge(sample):
        pixels = np.asarray(sample.images[0].open().convert("RGB"), dtype=int)
        return max(np.abs(np.diff(pixels, axis=axis)).max() for axis in (0, 1))

    for sample in samples("vizwiz_mini"):
        assert (sharpest_edge(sample) < 15) == (not sample.meta["answerable"])


def test_no_image_of_the_suite_is_a_training_image(suite):
    """The number in an image's name is its scene's seed; training seeds begin where the suite's end."""
    names = [
        path for path in suite.rglob("*") if path.suffix in (".jpg", ".png") or path.parent.name.endswith("-image")
    ]
    stems = [path.parent.name if path.name == "image.png" else path.stem for path in names]
    seeds = [int(re.search(r"\d+$", stem)[0]) for stem in stems]
    assert len(seeds) > 500
    assert len(set(seeds)) == len(seeds)
    assert min(FIRST_SEED.values()) <= min(seeds)
    assert max(seeds) < FIRST_TRAINING_SEED
