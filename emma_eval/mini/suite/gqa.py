"""GQA: one JSON object of questions with types, groups, programs and entailments, five questions an image."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from emma_eval.mini import items
from emma_eval.mini.suite.drawing import different, draws, save_image, save_json
from emma_eval.mini.suite.gqa_forms import Parsed, parse

IMAGES = 40
QUESTIONS = 5  # an image


def write(root: Path) -> None:
    """Write the questions file and the images. Scene-graph pointers and full-sentence answers are left out."""
    content: dict[str, Any] = {}
    for drawn in islice(draws("gqa"), IMAGES):
        image = f"n{drawn.seed}"
        save_image(root / "gqa/data/images" / f"{image}.jpg", drawn.scene, "JPEG")
        questions = enumerate(different(drawn, items.gqa, QUESTIONS))
        asked = {f"{drawn.seed}{number:02d}": parse(item.question, item.answer) for number, item in questions}
        content |= {key: {"imageId": image, **_entry(parsed, asked)} for key, parsed in asked.items()}
    save_json(root / "gqa/data/testdev_balanced_questions.json", content)


def _entry(parsed: Parsed, asked: dict[str, Parsed]) -> dict[str, Any]:
    """A question's record but for its image; `asked` holds all questions about that image."""
    entailed = [key for key, other in asked.items() if parsed.entails(other)]
    return {
        "question": parsed.question,
        "answer": parsed.answer,
        "isBalanced": True,
        "types": {name: getattr(parsed.form, name) for name in ("structural", "semantic", "detailed")},
        "groups": {"global": parsed.form.group, "local": "-".join((parsed.form.detailed, *parsed.words))},
        "semantic": parsed.program(),
        "entailed": entailed,
        "equivalent": [key for key in entailed if asked[key].entails(parsed)],
    }
