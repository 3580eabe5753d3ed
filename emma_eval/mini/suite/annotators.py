"""Ten simulated annotators, of whom up to two are wrong: VQAv2 and VizWiz score against all ten answers."""

from __future__ import annotations

import random

from emma_eval.mini.items import Item
from emma_eval.mini.questions import COUNTS, PLACES
from emma_eval.mini.world import COLORS, SHAPES

ANNOTATORS = 10
_WRONG_COUNTS = (0, 0, 0, 0, 0, 0, 1, 1, 1, 2)  # how many of the ten are wrong, drawn uniformly
_WRONG_ANSWERS = {  # the wrong answers of each kind of question
    "existence": ("yes", "no"),
    "color": tuple(COLORS),
    "shape": SHAPES,
    "count": COUNTS,
    "place": PLACES,
    "unanswerable": ("unsuitable", "unsuitable image"),
}


def ten_answers(rng: random.Random, item: Item) -> list[dict[str, str]]:
    """`{answer, answer_confidence}` of each annotator; at least eight give the item's answer."""
    answers = [item.answer] * ANNOTATORS
    for annotator in rng.sample(range(ANNOTATORS), rng.choice(_WRONG_COUNTS)):
        answers[annotator] = rng.choice([answer for answer in _WRONG_ANSWERS[item.kind] if answer != item.answer])
    return [{"answer": a, "answer_confidence": "yes" if a == item.answer else "maybe"} for a in answers]


def answer_type(answer: str) -> str:
    """The answer type as VQAv2 and VizWiz name it: `yes/no`, `number` or `other`."""
    return "yes/no" if answer in ("yes", "no") else "number" if answer.isdecimal() else "other"
