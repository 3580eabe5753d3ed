"""Scenes and images for the suite's writers. An image's number, in names and ids, is the seed of its scene."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emma_eval.mini import items
from emma_eval.mini.items import Item, Maker
from emma_eval.mini.world import Scene, draw, random_scene

# Where each benchmark's seeds begin; all lie below those that the models are trained on.
FIRST_SEED = {
    "vqav2": 100_000,
    "gqa": 200_000,
    "vizwiz": 300_000,
    "scienceqa": 400_000,
    "mmbench": 500_000,
    "mme": 600_000,
    "seed": 700_000,
    "pope": 800_000,
}
MOST_THINGS = 4
COCO_FOLDER = "coco/val2014"
_OPPOSITE = {"yes": "no", "no": "yes"}
_ENCODINGS: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},  # full colour resolution: small things keep their colours
    "PNG": {},
}


@dataclass(frozen=True, slots=True)
class Draw:
    """One image's scene, and the generator for what is asked about it."""

    seed: int
    rng: random.Random
    scene: Scene

    @property
    def coco_name(self) -> str:
        """The image's name in COCO's manner."""
        return f"COCO_val2014_{self.seed:012d}.jpg"


def draws(benchmark: str, fewest: int = 1) -> Iterator[Draw]:
    """The benchmark's scenes, without end: `fewest` to four things each."""
    for seed in itertools.count(FIRST_SEED[benchmark]):
        rng = random.Random(seed)
        yield Draw(seed, rng, random_scene(rng, rng.randint(fewest, MOST_THINGS)))


def different(drawn: Draw, make: Maker, number: int) -> list[Item]:
    """`number` questions about one image, no two alike, with as many yes as no or one more of either."""
    found: dict[str, Item] = {}
    said: Counter[str] = Counter()
    while len(found) < number:
        item = make(drawn.rng, drawn.scene)
        opposite = _OPPOSITE.get(item.answer)
        if item.question not in found and (opposite is None or said[item.answer] <= said[opposite]):
            found[item.question] = item
            said[item.answer] += 1
    return list(found.values())


def choice_with_letter(drawn: Draw, letter: str) -> Item:
    """A question with four options of which `letter` is right, so that no letter is the better guess."""
    while True:
        item = items.choice(drawn.rng, drawn.scene)
        if item.letter == letter:
            return item


def encode(scene: Scene, kind: Literal["JPEG", "PNG"]) -> bytes:
    """The image as a file's bytes, the same for the same scene and Pillow."""
    buffer = io.BytesIO()
    draw(scene).save(buffer, kind, **_ENCODINGS[kind])
    return buffer.getvalue()


def save_image(path: Path, scene: Scene, kind: Literal["JPEG", "PNG"]) -> None:
    """Write the image, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(scene, kind))


def save_json(path: Path, content: Any) -> None:
    """Write one JSON value, folders included."""
    save_text(path, json.dumps(content))


def save_text(path: Path, text: str) -> None:
    """Write UTF-8 with line ends as they are, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
