"""POPE: three JSON-lines files on COCO-named images; half of the things asked about are present.

The present things are the same in all three files. Of the absent ones, `random` asks about any, `popular` about the
most frequent in the other images, `adversarial` about the most similar to a present one: both words occur in the
image, else one of them.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini.questions import all_names, existence_of
from emma_eval.mini.suite.drawing import COCO_FOLDER, SeededScene, save_image, save_text, seeded_scenes
from emma_eval.mini.world import Scene

IMAGES = 25
PAIRS = 2  # of a present and an absent name, for each image and category
CATEGORIES = ("random", "popular", "adversarial")


def write(root: Path) -> None:
    """Write the three files and the images."""
    scenes = list(islice(seeded_scenes("pope", min_things=PAIRS), IMAGES))
    counts = Counter(thing.name for seeded in scenes for thing in seeded.scene.things)
    by_frequency = sorted(all_names(), key=lambda name: (-counts[name], name))
    rows: dict[str, list[dict[str, Any]]] = {category: [] for category in CATEGORIES}
    for seeded in scenes:
        save_image(root / COCO_FOLDER / seeded.coco_name, seeded.scene, "JPEG")
        present = [thing.name for thing in seeded.rng.sample(seeded.scene.things, PAIRS)]
        for category, absent in absent_names(seeded.rng, seeded.scene, by_frequency).items():
            for pair in zip(present, absent, strict=True):
                rows[category] += [_row(len(rows[category]) + n, seeded, name) for n, name in enumerate(pair, 1)]
    for category, lines in rows.items():
        path = root / f"pope/coco/coco_pope_{category}.json"
        save_text(path, "".join(json.dumps(row) + "\n" for row in lines))


def absent_names(rng: random.Random, scene: Scene, by_frequency: Sequence[str]) -> dict[str, list[str]]:
    """The absent names that each category asks about; `by_frequency` has all names, the most frequent first."""
    present = {thing.name for thing in scene.things}
    absent = [name for name in by_frequency if name not in present]
    words = {word for name in present for word in name.split()}
    shuffled = rng.sample(absent, len(absent))
    by_similarity = sorted(shuffled, key=lambda name: -len(words.intersection(name.split())))
    ranked = dict(zip(CATEGORIES, (rng.sample(absent, PAIRS), absent, by_similarity), strict=True))
    return {category: names[:PAIRS] for category, names in ranked.items()}


def _row(question_id: int, seeded: SeededScene, name: str) -> dict[str, Any]:
    question = existence_of(name, seeded.scene)
    return {"question_id": question_id, "image": seeded.coco_name, "text": question.text, "label": question.answer}
