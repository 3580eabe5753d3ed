"""Ten people who answer a question, of whom up to two slip: the truth of VQAv2 and VizWiz is what they say."""

from __future__ import annotations

import random

from emma_eval.mini.items import Item
from emma_eval.mini.questions import COUNTS, PLACES
from emma_eval.mini.world import COLORS, SHAPES

ANNOTATORS = 10
_SLIPS = (0, 0, 0, 0, 0, 0, 1, 1, 1, 2)  # how many of the ten slip, evenly drawn
_POOLS = {  # what is said by mistake, by the kind of question
    "existence": ("yes", "no"),
    "color": tuple(COLORS),
    "shape": SHAPES,
    "count": COUNTS,
    "place": PLACES,
    "unanswerable": ("unsuitable", "unsuitable image"),
}


def ten_answers(rng: random.Random, item: Item) -> list[dict[str, str]]:
    """`{answer, answer_confidence}` of each annotator; at least eight give the item's own answer."""
    said = [item.answer] * ANNOTATORS
    for who in rng.sample(range(ANNOTATORS), rng.choice(_SLIPS)):
        said[who] = rng.choice([answer for answer in _POOLS[item.kind] if answer != item.answer])
    return [{"answer": a, "answer_confidence": "yes" if a == item.answer else "maybe"} for a in said]


def answer_type(answer: str) -> str:
    """VQA's three types of answers, as VizWiz names them too: `yes/no`, `number`, `other`."""
    return "yes/no" if answer in ("yes", "no") else "number" if answer.isdecimal() else "other"
