"""MMBench: the circular TSV, four rows a question; the first row holds the image as base64, the others name it."""

from __future__ import annotations

import base64
import csv
import io
from itertools import islice
from pathlib import Path

from emma_eval.mini.items import LETTERS, Item
from emma_eval.mini.suite.drawing import choice_with_letter, encode, save_text, seeded_scenes
from emma_eval.tasks.circular import INDEX_STEP

QUESTIONS = 100
COLUMNS = (
    *("index", "question", "hint", *LETTERS, "answer", "category"),
    *("image", "source", "l2-category", "comment", "split"),
)
_ABILITIES = {
    "color": "attribute_recognition",
    "shape": "attribute_recognition",
    "count": "object_localization",
    "place": "object_localization",
}


def write(root: Path) -> None:
    """Write the TSV file."""
    table = io.StringIO()
    rows = csv.DictWriter(table, COLUMNS, restval="", delimiter="\t", lineterminator="\n")
    rows.writeheader()
    for index, seeded in enumerate(islice(seeded_scenes("mmbench"), QUESTIONS)):
        item = choice_with_letter(seeded, LETTERS[index % len(LETTERS)])
        image = base64.b64encode(encode(seeded.scene, "PNG")).decode("ascii")
        for shift in range(len(LETTERS)):
            cells = {"index": str(seeded.seed + shift * INDEX_STEP), "image": str(seeded.seed) if shift else image}
            rows.writerow(cells | _pass(item, shift))
    save_text(root / "mmbench/mmbench_dev_20230712.tsv", table.getvalue())


def _pass(item: Item, shift: int) -> dict[str, str]:
    """The question with its options rotated left by `shift`."""
    options = item.options[shift:] + item.options[:shift]
    return {
        "question": item.question,
        **dict(zip(LETTERS, options, strict=True)),
        "answer": LETTERS[options.index(item.answer)],
        "category": _ABILITIES[item.kind],
        "source": "mini",
        "l2-category": "finegrained_perception (instance-level)",
        "split": "dev",
    }
