"""ScienceQA: problems.json, pid_splits.json and `<pid>/image.png`; every third problem has no image but a hint."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.items import Item
from emma_eval.mini.suite.drawing import SeededScene, save_image, save_json, seeded_scenes

PROBLEMS = 210
# Kind of question -> subject and topic; the subjects are ScienceQA's three.
_SUBJECT_AND_TOPIC = {
    "color": ("natural science", "colors"),
    "shape": ("natural science", "shapes"),
    "count": ("natural science", "counting"),
    "place": ("social science", "places"),
    "words": ("language science", "vocabulary"),
    "geometry": ("natural science", "geometry"),
    "numbers": ("natural science", "numbers"),
    "owner": ("language science", "reading"),
    "belonging": ("language science", "reading"),
}
_GRADES = {2: "grade2", 3: "grade5", 4: "grade8"}  # by the number of options


def write(root: Path) -> None:
    """Write both files and the images; all problems are in the test split."""
    problems = {}
    for index, seeded in enumerate(islice(seeded_scenes("scienceqa"), PROBLEMS)):
        pid = str(seeded.seed)
        item = _item(seeded, has_image=index % 3 != 2)
        if item.scene is not None:
            save_image(root / "scienceqa/images/test" / pid / "image.png", item.scene, "PNG")
        problems[pid] = _problem(item)
    save_json(root / "scienceqa/problems.json", problems)
    save_json(root / "scienceqa/pid_splits.json", {"train": [], "val": [], "test": list(problems)})


def _item(seeded: SeededScene, has_image: bool) -> Item:
    return items.scienceqa(seeded.rng, seeded.scene) if has_image else items.scienceqa_text(seeded.rng)


def _problem(item: Item) -> dict[str, Any]:
    subject, topic = _SUBJECT_AND_TOPIC[item.kind]
    return {
        "question": item.question,
        "choices": list(item.options),
        "answer": item.options.index(item.answer),
        "hint": item.hint,
        "image": None if item.scene is None else "image.png",
        "task": "closed choice",
        "grade": _GRADES[len(item.options)],
        "subject": subject,
        "topic": topic,
        "category": topic.capitalize(),
        "skill": item.kind,
        "lecture": "",
        "solution": "",
        "split": "test",
    }
