"""POPE: three JSON-lines files on COCO-named images; as many things asked about are there as are not.

The things that are there are the same in all three. Of those that are not, `random` takes any, `popular` the most
frequent in the other images, `adversarial` those most like what is there: both words seen, else one of them.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini.questions import all_names, ask_existence
from emma_eval.mini.suite.drawing import COCO_FOLDER, Draw, draws, save_image, save_text
from emma_eval.mini.world import Scene

IMAGES = 25
PAIRS = 2  # names there and names not there, an image and category
CATEGORIES = ("random", "popular", "adversarial")


def write(root: Path) -> None:
    """Write the three files and the images."""
    drawn = list(islice(draws("pope", fewest=PAIRS), IMAGES))
    seen = Counter(thing.name for draw in drawn for thing in draw.scene.things)
    by_fame = sorted(all_names(), key=lambda name: (-seen[name], name))
    rows: dict[str, list[dict[str, Any]]] = {category: [] for category in CATEGORIES}
    for draw in drawn:
        save_image(root / COCO_FOLDER / draw.coco_name, draw.scene, "JPEG")
        there = [thing.name for thing in draw.rng.sample(draw.scene.things, PAIRS)]
        for category, absent in absent_names(draw.rng, draw.scene, by_fame).items():
            for pair in zip(there, absent, strict=True):
                rows[category] += [_row(len(rows[category]) + n, draw, name) for n, name in enumerate(pair, 1)]
    for category, lines in rows.items():
        path = root / f"pope/coco/coco_pope_{category}.json"
        save_text(path, "".join(json.dumps(row) + "\n" for row in lines))


def absent_names(rng: random.Random, scene: Scene, by_fame: Sequence[str]) -> dict[str, list[str]]:
    """The names that each category asks about in vain; `by_fame` has all names, the most frequent first."""
    held = {thing.name for thing in scene.things}
    absent = [name for name in by_fame if name not in held]
    words = {word for name in held for word in name.split()}
    shuffled = rng.sample(absent, len(absent))
    by_likeness = sorted(shuffled, key=lambda name: -len(words.intersection(name.split())))
    ranked = dict(zip(CATEGORIES, (rng.sample(absent, PAIRS), absent, by_likeness), strict=True))
    return {category: names[:PAIRS] for category, names in ranked.items()}


def _row(number: int, draw: Draw, name: str) -> dict[str, Any]:
    question = ask_existence(name, draw.scene)
    return {"question_id": number, "image": draw.coco_name, "text": question.text, "label": question.answer}
