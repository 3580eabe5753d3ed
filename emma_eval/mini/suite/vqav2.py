"""VQAv2: questions and annotations JSON on COCO-named images, five questions an image, ten answers a question."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.items import Item
from emma_eval.mini.suite.annotators import answer_type, ten_answers
from emma_eval.mini.suite.drawing import COCO_FOLDER, SeededScene, distinct_items, save_image, save_json, seeded_scenes

IMAGES = 40
QUESTIONS = 5  # an image
# VQAv2's question type is the longest of 65 prefixes that fits; these are the ones that occur here.
QUESTION_TYPES = ("is there a", "what color is the", "what", "how many", "where is the")
_HEADER = {"task_type": "Open-Ended", "data_type": "mscoco", "data_subtype": "val2014"}


def write(root: Path) -> None:
    """Write both files and the images."""
    questions, annotations = [], []
    for seeded in islice(seeded_scenes("vqav2"), IMAGES):
        save_image(root / COCO_FOLDER / seeded.coco_name, seeded.scene, "JPEG")
        for index, item in enumerate(distinct_items(seeded, items.vqa, QUESTIONS)):
            ids = {"image_id": seeded.seed, "question_id": seeded.seed * 1000 + index}
            questions.append({**ids, "question": item.question})
            annotations.append({**ids, **_annotation(seeded, item)})
    folder = root / "vqav2"
    save_json(folder / "v2_OpenEnded_mscoco_val2014_questions.json", {**_HEADER, "questions": questions})
    save_json(folder / "v2_mscoco_val2014_annotations.json", {**_HEADER, "annotations": annotations})


def _annotation(seeded: SeededScene, item: Item) -> dict[str, Any]:
    answers = [{**answer, "answer_id": n} for n, answer in enumerate(ten_answers(seeded.rng, item), 1)]
    return {
        "question_type": next(prefix for prefix in QUESTION_TYPES if item.question.lower().startswith(prefix)),
        "answer_type": answer_type(item.answer),
        "multiple_choice_answer": item.answer,
        "answers": answers,
    }
