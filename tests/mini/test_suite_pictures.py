"""The truth against the pixels: what the suite calls right can be seen in the image that it saved."""

import re

import numpy as np
import pytest

from emma_eval.mini.suite.drawing import FIRST_SEED
from emma_eval.mini.world import COLORS, FIRST_TRAINING_SEED

NEAR = 40  # a colour after JPEG, summed over the channels


def mask(sample, color):
    """Where the image has the colour: (192, 192) bool."""
    pixels = np.asarray(sample.images[0].open().convert("RGB"), dtype=int)
    return np.abs(pixels - COLORS[color]).sum(axis=2) < NEAR


def right_text(sample):
    return sample.options["ABCD".index(sample.references[0])]


def test_what_pope_calls_present_has_its_colour_in_the_image(samples):
    for sample in samples("pope_mini"):
        color = re.search(r"a (\w+) \w+ in", sample.question)[1]
        if sample.references[0] == "yes":
            assert mask(sample, color).sum() > 50, sample.question


def test_a_colour_that_is_nowhere_makes_the_answer_no(samples):
    unseen = 0
    for sample in samples("pope_mini"):
        color = re.search(r"a (\w+) \w+ in", sample.question)[1]
        if not mask(sample, color).any():
            unseen += 1
            assert sample.references[0] == "no"
    assert unseen > 30


@pytest.mark.parametrize("task", ["seed_mini", "mmbench_mini"])
def test_the_colour_asked_for_is_there(task, samples):
    asked = [sample for sample in samples(task) if sample.question.startswith("What color")]
    assert asked
    for sample in asked:
        assert mask(sample, right_text(sample)).sum() > 50


@pytest.mark.parametrize("task", ["seed_mini", "mmbench_mini"])
def test_the_place_asked_for_holds_the_colour(task, samples):
    asked = [sample for sample in samples(task) if sample.question.startswith("Where is")]
    assert asked
    for sample in asked:
        vertical, horizontal = right_text(sample).split()
        seen = mask(sample, re.search(r"the (\w+) \w+\?", sample.question)[1])
        rows = slice(0, 96) if vertical == "top" else slice(96, 192)
        columns = slice(0, 96) if horizontal == "left" else slice(96, 192)
        assert seen[rows, columns].sum() > 50


def test_a_blurred_image_shows_nothing_of_any_thing(samples):
    def sharpest_edge(sample):
        pixels = np.asarray(sample.images[0].open().convert("RGB"), dtype=int)
        return max(np.abs(np.diff(pixels, axis=axis)).max() for axis in (0, 1))

    for sample in samples("vizwiz_mini"):
        assert (sharpest_edge(sample) < 15) == (not sample.meta["answerable"])


def test_no_image_of_the_suite_can_be_a_training_image(suite):
    """The number in an image's name is its scene's seed; training begins where the suite's seeds end."""
    names = [
        path for path in suite.rglob("*") if path.suffix in (".jpg", ".png") or path.parent.name.endswith("-image")
    ]
    stems = [path.parent.name if path.name == "image.png" else path.stem for path in names]
    seeds = [int(re.search(r"\d+$", stem)[0]) for stem in stems]
    assert len(seeds) > 500
    assert len(set(seeds)) == len(seeds)
    assert min(FIRST_SEED.values()) <= min(seeds)
    assert max(seeds) < FIRST_TRAINING_SEED
