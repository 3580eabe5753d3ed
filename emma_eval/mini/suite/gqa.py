"""GQA: one JSON object of questions with types, groups, programs and entailments, five questions an image."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.suite.drawing import distinct_items, save_image, save_json, seeded_scenes
from emma_eval.mini.suite.gqa_forms import ParsedQuestion, parse_question

IMAGES = 40
QUESTIONS = 5  # an image


def write(root: Path) -> None:
    """Write the questions file and the images. Scene-graph pointers and full-sentence answers are omitted."""
    content: dict[str, Any] = {}
    for seeded in islice(seeded_scenes("gqa"), IMAGES):
        image = f"n{seeded.seed}"
        save_image(root / "gqa/data/images" / f"{image}.jpg", seeded.scene, "JPEG")
        questions = enumerate(distinct_items(seeded, items.gqa, QUESTIONS))
        by_id = {f"{seeded.seed}{index:02d}": parse_question(item.question, item.answer) for index, item in questions}
        content |= {key: {"imageId": image, **_entry(parsed, by_id)} for key, parsed in by_id.items()}
    save_json(root / "gqa/data/testdev_balanced_questions.json", content)


def _entry(parsed: ParsedQuestion, by_id: dict[str, ParsedQuestion]) -> dict[str, Any]:
    """A question's record without its image; `by_id` holds all questions about the image."""
    entailed = [key for key, other in by_id.items() if parsed.entails(other)]
    return {
        "question": parsed.question,
        "answer": parsed.answer,
        "isBalanced": True,
        "types": {name: getattr(parsed.form, name) for name in ("structural", "semantic", "detailed")},
        "groups": {"global": parsed.form.group, "local": "-".join((parsed.form.detailed, *parsed.words))},
        "semantic": parsed.program(),
        "entailed": entailed,
        "equivalent": [key for key in entailed if by_id[key].entails(parsed)],
    }
