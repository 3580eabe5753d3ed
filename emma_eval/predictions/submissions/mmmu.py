"""MMMU's test server: a JSON object question id -> letter, or text for an open question.

The letters are read out of the answers as the official tool does, which draws one at random (seed 42) where there is
none.
"""

from __future__ import annotations

import json
from random import Random
from string import ascii_uppercase

from emma_eval.errors import UserError
from emma_eval.predictions.submissions.answered import Answered
from emma_eval.scorers.mmmu import SEED, parse_letter


def mmmu(answered: Answered) -> str:
    """`{"test_Accounting_1": "B", ...}`; letters are drawn in the order of subjects and rows, as the tool does."""
    generator = Random(SEED)
    given = {}
    for sample in sorted(answered.samples, key=lambda sample: sample.category):
        text = answered.text(sample)
        if sample.options:
            letters = ascii_uppercase[: len(sample.options)]
            text = parse_letter(text, sample.options) or generator.choice(letters)
        given[sample.id] = text
    if len(given) < len(answered.samples):
        raise UserError("a question id stands twice in the data; the server takes one answer to each")
    return json.dumps({sample.id: given[sample.id] for sample in answered.samples}, indent=1, ensure_ascii=False) + "\n"
