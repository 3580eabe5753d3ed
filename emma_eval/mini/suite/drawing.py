"""Scenes, images and file writers for the suite. The number in an image's name and id is the seed of its scene."""

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
from emma_eval.mini.items import Item, ItemMaker
from emma_eval.mini.world import MAX_THINGS, Scene, draw, random_scene

# The first seed of each benchmark; all are below FIRST_TRAINING_SEED.
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
COCO_FOLDER = "coco/val2014"
_OPPOSITE = {"yes": "no", "no": "yes"}
_ENCODINGS: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},  # full colour resolution: small things keep their colours
    "PNG": {},
}


@dataclass(frozen=True, slots=True)
class SeededScene:
    """The scene of one image, and the random generator for its questions."""

    seed: int
    rng: random.Random
    scene: Scene

    @property
    def coco_name(self) -> str:
        """The image's name in COCO's manner."""
        return f"COCO_val2014_{self.seed:012d}.jpg"


def seeded_scenes(benchmark: str, min_things: int = 1) -> Iterator[SeededScene]:
    """An endless series of a benchmark's scenes, with `min_things` to MAX_THINGS things each."""
    for seed in itertools.count(FIRST_SEED[benchmark]):
        rng = random.Random(seed)
        yield SeededScene(seed, rng, random_scene(rng, rng.randint(min_things, MAX_THINGS)))


def distinct_items(seeded: SeededScene, make: ItemMaker, count: int) -> list[Item]:
    """`count` different questions about one image; the numbers of yes and no differ by at most one."""
    by_question: dict[str, Item] = {}
    answers: Counter[str] = Counter()
    while len(by_question) < count:
        item = make(seeded.rng, seeded.scene)
        opposite = _OPPOSITE.get(item.answer)
        if item.question not in by_question and (opposite is None or answers[item.answer] <= answers[opposite]):
            by_question[item.question] = item
            answers[item.answer] += 1
    return list(by_question.values())


def choice_with_letter(seeded: SeededScene, letter: str) -> Item:
    """A question with four options of which `letter` is the correct one, so that letters can be balanced."""
    while True:
        item = items.choice(seeded.rng, seeded.scene)
        if item.letter == letter:
            return item


def encode(scene: Scene, kind: Literal["JPEG", "PNG"]) -> bytes:
    """The image file's bytes; they depend on the scene and the version of Pillow alone."""
    buffer = io.BytesIO()
    draw(scene).save(buffer, kind, **_ENCODINGS[kind])
    return buffer.getvalue()


def save_image(path: Path, scene: Scene, kind: Literal["JPEG", "PNG"]) -> None:
    """Draw and write the image; create its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(scene, kind))


def save_json(path: Path, content: Any) -> None:
    """Write one JSON value; create its folders."""
    save_text(path, json.dumps(content))


def save_text(path: Path, text: str) -> None:
    """Write UTF-8 without translating line ends; create its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
