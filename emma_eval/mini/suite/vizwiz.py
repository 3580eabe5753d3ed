"""VizWiz: one JSON list with ten answers a question; three images in ten are too blurred to answer anything."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.suite.annotators import answer_type, ten_answers
from emma_eval.mini.suite.drawing import Draw, draws, save_image, save_json
from emma_eval.mini.world import blurred

IMAGES = 200
_BLURRED = (2, 5, 9)  # which of every ten


def write(root: Path) -> None:
    """Write val.json and the images."""
    rows = []
    for number, drawn in enumerate(islice(draws("vizwiz"), IMAGES)):
        shown = replace(drawn, scene=blurred(drawn.scene)) if number % 10 in _BLURRED else drawn
        name = f"VizWiz_val_{shown.seed:08d}.jpg"
        save_image(root / "vizwiz/val" / name, shown.scene, "JPEG")
        rows.append({"image": name, **_question(shown)})
    save_json(root / "vizwiz/val.json", rows)


def _question(drawn: Draw) -> dict[str, Any]:
    item = items.vizwiz(drawn.rng, drawn.scene)
    answerable = not drawn.scene.blurred
    return {
        "question": item.question,
        "answers": ten_answers(drawn.rng, item),
        "answer_type": answer_type(item.answer) if answerable else "unanswerable",
        "answerable": int(answerable),
    }
