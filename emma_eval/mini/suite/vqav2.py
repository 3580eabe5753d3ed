"""VQAv2: questions and annotations JSON on COCO-named images, five questions an image, ten answers a question."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.items import Item
from emma_eval.mini.suite.annotators import answer_type, ten_answers
from emma_eval.mini.suite.drawing import COCO_FOLDER, Draw, different, draws, save_image, save_json

IMAGES = 40
QUESTIONS = 5  # an image
# VQAv2 files a question under the longest of 65 beginnings; these are the ones that occur here.
QUESTION_TYPES = ("is there a", "what color is the", "what", "how many", "where is the")
_HEAD = {"task_type": "Open-Ended", "data_type": "mscoco", "data_subtype": "val2014"}


def write(root: Path) -> None:
    """Write both files and the images."""
    questions, annotations = [], []
    for drawn in islice(draws("vqav2"), IMAGES):
        save_image(root / COCO_FOLDER / drawn.coco_name, drawn.scene, "JPEG")
        for number, item in enumerate(different(drawn, items.vqa, QUESTIONS)):
            ids = {"image_id": drawn.seed, "question_id": drawn.seed * 1000 + number}
            questions.append({**ids, "question": item.question})
            annotations.append({**ids, **_annotation(drawn, item)})
    folder = root / "vqav2"
    save_json(folder / "v2_OpenEnded_mscoco_val2014_questions.json", {**_HEAD, "questions": questions})
    save_json(folder / "v2_mscoco_val2014_annotations.json", {**_HEAD, "annotations": annotations})


def _annotation(drawn: Draw, item: Item) -> dict[str, Any]:
    answers = [{**answer, "answer_id": n} for n, answer in enumerate(ten_answers(drawn.rng, item), 1)]
    return {
        "question_type": next(start for start in QUESTION_TYPES if item.question.lower().startswith(start)),
        "answer_type": answer_type(item.answer),
        "multiple_choice_answer": item.answer,
        "answers": answers,
    }
