"""The synthetic world: coloured shapes on a 4 x 4 grid, generated from a seed.

A Scene is data and the image is a function of it, so the answer to every question about the image is computed.
Each cell of the grid is one patch of 24 px of the 96 px image that the models see: one visual token carries all of a
thing, and nothing but the question says which of its traits are asked for.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SHAPES = ("circle", "square", "triangle", "star", "cross")
COLORS = {
    "red": (230, 25, 25),
    "green": (20, 175, 50),
    "blue": (30, 60, 235),
    "yellow": (245, 215, 20),
    "black": (15, 15, 15),
    "purple": (150, 40, 190),
}
SIZES = {"small": 24, "large": 40}  # diameters in pixels
GRID = 4
MAX_THINGS = 6  # in an image
CELL = 48
SIDE = GRID * CELL  # the image is SIDE x SIDE
JITTER = 4
SUPERSAMPLING = 2
BLUR_RADIUS = 28  # wider than half an object: no shape can be made out
FIRST_TRAINING_SEED = 1_000_000  # scenes of lower seeds belong to the suite: no model is trained on them


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: shape, colour, size, and its centre (pixels from the top left)."""

    shape: str
    color: str
    size: str
    x: int
    y: int

    @property
    def row(self) -> int:
        """Grid row, 0 at the top."""
        return self.y // CELL

    @property
    def column(self) -> int:
        """Grid column, 0 at the left."""
        return self.x // CELL

    @property
    def name(self) -> str:
        """Its name in questions: `red circle`."""
        return f"{self.color} {self.shape}"

    @property
    def place(self) -> str:
        """The quarter of the image that holds it: `top left`."""
        return f"{'top' if self.row < GRID // 2 else 'bottom'} {'left' if self.column < GRID // 2 else 'right'}"


@dataclass(frozen=True, slots=True)
class Scene:
    """The content of an image. No two things of a scene have the same name."""

    things: tuple[Thing, ...]
    background: tuple[int, int, int]
    blurred: bool = False

    def count(self, **traits: str) -> int:
        """How many things have all the traits: `scene.count(color="red")`."""
        return sum(all(getattr(thing, key) == value for key, value in traits.items()) for thing in self.things)


def random_scene(rng: random.Random, things: int) -> Scene:
    """A scene of `things` objects with different names in different cells."""
    names = rng.sample([(shape, color) for shape in SHAPES for color in COLORS], things)
    cells = rng.sample(range(GRID * GRID), things)
    placed = tuple(_place(rng, shape, color, cell) for (shape, color), cell in zip(names, cells, strict=True))
    shade = (rng.randrange(228, 255), rng.randrange(228, 255), rng.randrange(228, 255))
    return Scene(placed, shade)


def blurred(scene: Scene) -> Scene:
    """The same scene, to be drawn out of focus (VizWiz's unanswerable images)."""
    return replace(scene, blurred=True)


def draw(scene: Scene) -> Image:
    """Draw the scene: an RGB image of SIDE x SIDE pixels, deterministic."""
    from PIL import Image, ImageDraw, ImageFilter

    canvas = Image.new("RGB", (SIDE * SUPERSAMPLING, SIDE * SUPERSAMPLING), scene.background)
    pen = ImageDraw.Draw(canvas)
    for thing in scene.things:
        pen.polygon(outline(thing, SUPERSAMPLING), fill=COLORS[thing.color])
    image = canvas.reduce(SUPERSAMPLING)
    return image.filter(ImageFilter.GaussianBlur(BLUR_RADIUS)) if scene.blurred else image


def outline(thing: Thing, scale: int) -> list[tuple[float, float]]:
    """The corners of a thing's outline, in pixels of a canvas scaled by `scale`."""
    radius = SIZES[thing.size] / 2
    return [((thing.x + radius * u) * scale, (thing.y + radius * v) * scale) for u, v in _UNIT_OUTLINES[thing.shape]]


def _place(rng: random.Random, shape: str, color: str, cell: int) -> Thing:
    row, column = divmod(cell, GRID)
    x = column * CELL + CELL // 2 + rng.randint(-JITTER, JITTER)
    y = row * CELL + CELL // 2 + rng.randint(-JITTER, JITTER)
    return Thing(shape, color, rng.choice(list(SIZES)), x, y)


def _ring(corners: int, inner: float = 1.0) -> list[tuple[float, float]]:
    """Corners on the unit circle, clockwise from the top; every other one has the radius `inner`."""
    angles = [2 * math.pi * (k / corners - 0.25) for k in range(corners)]
    radii = [inner if k % 2 else 1.0 for k in range(corners)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


def _cross() -> list[tuple[float, float]]:
    arm = 0.32  # half its width
    quarter = [(arm, -1.0), (arm, -arm), (1.0, -arm)]
    turns = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))
    return [(a * u + b * v, c * u + d * v) for a, b, c, d in turns for u, v in quarter]


_UNIT_OUTLINES = {
    "circle": _ring(48),
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0.0, -1.0), (1.0, 0.85), (-1.0, 0.85)],
    "star": _ring(10, inner=0.42),
    "cross": _cross(),
}
