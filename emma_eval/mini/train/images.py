"""Training images as arrays: scenes of the world, easy-VQA's train split, and images in its style.

Every world scene has a seed of at least FIRST_TRAINING_SEED; the suite's seeds are lower.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from emma_eval.mini.world import COLORS, FIRST_TRAINING_SEED, MAX_THINGS, SHAPES, SIDE, Scene, draw, random_scene
from emma_eval.models.clip.image_processor import CLIP_MEAN, CLIP_STD

PIXELS = 96  # side of the vision tower's input
PATCH = 24  # one cell of the world's grid
PATCHES_PER_SIDE = PIXELS // PATCH
NUM_PATCHES = PATCHES_PER_SIDE**2
EASY_COLORS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "teal": (0, 128, 128),
    "brown": (165, 42, 42),
}
EASY_SHAPES = ("circle", "rectangle", "triangle")
EASY_SIDE = 64
MEAN = torch.tensor(CLIP_MEAN).view(3, 1, 1)
STD = torch.tensor(CLIP_STD).view(3, 1, 1)


@dataclass(frozen=True, slots=True)
class ThingLabel:
    """Class labels and centre (as fractions of the image's side) of one thing in an image."""

    shape: str
    color: str
    size: str
    x: float
    y: float

    @property
    def patch(self) -> int:
        """Index of the patch that holds the centre, row by row."""
        row, column = (min(PATCHES_PER_SIDE - 1, int(v * PATCHES_PER_SIDE)) for v in (self.y, self.x))
        return row * PATCHES_PER_SIDE + column


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """An input of the vision tower, with labels of the things in it."""

    pixels: np.ndarray  # (96, 96, 3) uint8
    labels: tuple[ThingLabel, ...]


def world_scene(seed: int, max_things: int = MAX_THINGS) -> Scene:
    """The training scene of a seed, with one to `max_things` things."""
    rng = random.Random(FIRST_TRAINING_SEED + seed)
    return random_scene(rng, rng.randint(1, max_things))


def image_of(scene: Scene) -> TrainingImage:
    """A world scene at the vision tower's size, with its labels."""
    return TrainingImage(shrink(draw(scene)), labels_of(scene))


def labels_of(scene: Scene) -> tuple[ThingLabel, ...]:
    """The labels of a scene's things; none if it is blurred."""
    return tuple(
        ThingLabel(t.shape, t.color, t.size, t.x / SIDE, t.y / SIDE) for t in scene.things if not scene.blurred
    )


def easy_lookalike(seed: int) -> TrainingImage:
    """One shape on a tinted background, in easy-VQA's style."""
    rng = random.Random(FIRST_TRAINING_SEED + seed)
    shape, color = rng.choice(EASY_SHAPES), rng.choice(list(EASY_COLORS))
    width = rng.randint(8, 32)
    height = rng.randint(8, 32) if shape == "rectangle" else width
    x, y = rng.uniform(width / 2, EASY_SIDE - width / 2), rng.uniform(height / 2, EASY_SIDE - height / 2)
    canvas = Image.new("RGB", (EASY_SIDE * 4, EASY_SIDE * 4), tuple(rng.randrange(230, 256) for _ in range(3)))
    pen = ImageDraw.Draw(canvas)
    left, top, right, bottom = (4 * v for v in (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    fill = EASY_COLORS[color]
    if shape == "circle":
        pen.ellipse((left, top, right, bottom), fill=fill)
    elif shape == "rectangle":
        pen.rectangle((left, top, right, bottom), fill=fill)
    else:
        pen.polygon([((left + right) / 2, top), (right, bottom), (left, bottom)], fill=fill)
    size = "large" if width * height > 400 else "small"
    return TrainingImage(shrink(canvas.reduce(4)), (ThingLabel(shape, color, size, x / EASY_SIDE, y / EASY_SIDE),))


def shrink(image: Image.Image) -> np.ndarray:
    """A square image as (96, 96, 3) uint8, resized as the model's preprocessing does it, by Pillow's bicubic."""
    return np.asarray(image.convert("RGB").resize((PIXELS, PIXELS), Image.Resampling.BICUBIC))


def normalised(pixels: Sequence[np.ndarray]) -> Tensor:
    """(B, 96, 96, 3) uint8 -> (B, 3, 96, 96) float32 with CLIP's mean and deviation."""
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    return (batch - MEAN) / STD


ALL_SHAPES = tuple(dict.fromkeys([*SHAPES, *EASY_SHAPES]))
ALL_COLORS = tuple(dict.fromkeys([*COLORS, *EASY_COLORS]))
