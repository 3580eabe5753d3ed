"""SEED-Bench: SEED-Bench.json with four of its question types; its images' names have no extension."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini.items import LETTERS
from emma_eval.mini.suite.drawing import SeededScene, choice_with_letter, save_image, save_json, seeded_scenes

QUESTIONS = 200
QUESTION_TYPES = {"Instance Identity": 2, "Instance Attributes": 3, "Instance Location": 4, "Instances Counting": 5}
_TYPE_OF_KIND = {"shape": 2, "color": 3, "place": 4, "count": 5}


def write(root: Path) -> None:
    """Write questions and images."""
    questions = []
    for index, seeded in enumerate(islice(seeded_scenes("seed"), QUESTIONS)):
        save_image(root / "seed_bench/SEED-Bench-image" / str(seeded.seed), seeded.scene, "PNG")
        questions.append(_question(seeded, LETTERS[index % len(LETTERS)]))
    content = {"question_type": QUESTION_TYPES, "questions": questions}
    save_json(root / "seed_bench/SEED-Bench.json", content)


def _question(seeded: SeededScene, letter: str) -> dict[str, Any]:
    item = choice_with_letter(seeded, letter)
    return {
        "question_id": str(seeded.seed),
        "question_type_id": _TYPE_OF_KIND[item.kind],
        "question": item.question,
        "answer": letter,
        **{f"choice_{name.lower()}": text for name, text in zip(LETTERS, item.options, strict=True)},
        "data_id": str(seeded.seed),
        "data_type": "image",
    }
