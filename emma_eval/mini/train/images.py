"""Training images as arrays: scenes of the world, easy-VQA's train split, and look-alikes of it.

Every world scene comes from a seed at or above FIRST_TRAINING_SEED; the suite's seeds lie below it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from emma_eval.mini.world import COLORS, FIRST_TRAINING_SEED, SIDE, Scene, draw, random_scene
from emma_eval.models.clip.image_processor import CLIP_MEAN, CLIP_STD

PIXELS = 96  # what the vision tower sees
PATCH = 16
ACROSS = PIXELS // PATCH
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
class Spot:
    """One thing in an image, in the image's own words and in units of its side."""

    shape: str
    color: str
    size: str
    x: float
    y: float

    @property
    def patch(self) -> int:
        """Index of the patch that holds the centre."""
        row, column = (min(ACROSS - 1, int(v * ACROSS)) for v in (self.y, self.x))
        return row * ACROSS + column


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """What a vision tower is shown, and what there is to see."""

    pixels: np.ndarray  # (96, 96, 3) uint8
    spots: tuple[Spot, ...]


def world_scene(seed: int, most: int = 5) -> Scene:
    """The training scene of a seed: one to `most` things."""
    rng = random.Random(FIRST_TRAINING_SEED + seed)
    return random_scene(rng, rng.randint(1, most))


def image_of(scene: Scene) -> TrainingImage:
    """A world scene as the tower sees it."""
    return TrainingImage(shrink(draw(scene)), spots_of(scene))


def spots_of(scene: Scene) -> tuple[Spot, ...]:
    """The things of a scene that can be made out."""
    return tuple(Spot(t.shape, t.color, t.size, t.x / SIDE, t.y / SIDE) for t in scene.things if not scene.blurred)


def easy_lookalike(seed: int) -> TrainingImage:
    """One shape on a tinted ground, in the manner of easy-VQA."""
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
    return TrainingImage(shrink(canvas.reduce(4)), (Spot(shape, color, size, x / EASY_SIDE, y / EASY_SIDE),))


def shrink(image: Image.Image) -> np.ndarray:
    """Pillow's bicubic resize to the tower's size, as the model's preprocessing does for a square image."""
    return np.asarray(image.convert("RGB").resize((PIXELS, PIXELS), Image.Resampling.BICUBIC))


def normalised(pixels: Sequence[np.ndarray]) -> Tensor:
    """(B, 96, 96, 3) uint8 -> (B, 3, 96, 96) float32 with CLIP's mean and deviation."""
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    return (batch - MEAN) / STD


SEEN_COLORS = tuple(dict.fromkeys([*COLORS, *EASY_COLORS]))
