"""VizWiz: one JSON list with ten answers a question; three images in ten are too blurred to answer anything."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.suite.annotators import answer_type, ten_answers
from emma_eval.mini.suite.drawing import SeededScene, save_image, save_json, seeded_scenes
from emma_eval.mini.world import blurred

IMAGES = 200
_BLURRED = (2, 5, 9)  # indices of the blurred images in every ten


def write(root: Path) -> None:
    """Write val.json and the images."""
    rows = []
    for index, seeded in enumerate(islice(seeded_scenes("vizwiz"), IMAGES)):
        image = replace(seeded, scene=blurred(seeded.scene)) if index % 10 in _BLURRED else seeded
        name = f"VizWiz_val_{image.seed:08d}.jpg"
        save_image(root / "vizwiz/val" / name, image.scene, "JPEG")
        rows.append({"image": name, **_question(image)})
    save_json(root / "vizwiz/val.json", rows)


def _question(seeded: SeededScene) -> dict[str, Any]:
    item = items.vizwiz(seeded.rng, seeded.scene)
    answerable = not seeded.scene.blurred
    return {
        "question": item.question,
        "answers": ten_answers(seeded.rng, item),
        "answer_type": answer_type(item.answer) if answerable else "unanswerable",
        "answerable": int(answerable),
    }
