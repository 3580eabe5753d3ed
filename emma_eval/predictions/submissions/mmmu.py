"""MMMU's test server: a JSON object question id -> letter, or text for an open question.

Letters are parsed from the answers as the official tool does, which draws one at random (seed 42) where there is none.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from string import ascii_uppercase

from emma_eval.errors import UserError
from emma_eval.predictions.submissions.answered_task import AnsweredTask
from emma_eval.scorers.mmmu import SEED, parse_letter


def mmmu(task: AnsweredTask) -> str:
    """`{"test_Accounting_1": "B", ...}`; letters are drawn in the order of subjects and rows, as the tool does.

    Raises UserError for a question id that stands twice.
    """
    generator = Random(SEED)
    answers = {}
    for sample in sorted(task.samples, key=lambda sample: sample.category):
        text = task.text(sample)
        if sample.options:
            letters = ascii_uppercase[: len(sample.options)]
            text = parse_letter(text, sample.options) or generator.choice(letters)
        answers[sample.id] = text
    if len(answers) < len(task.samples):
        twice = Counter(sample.id for sample in task.samples).most_common(1)[0][0]
        raise UserError(f"the question id {twice} stands twice in the data; the server takes one answer to each")
    return json.dumps({sample.id: answers[sample.id] for sample in task.samples}, indent=1, ensure_ascii=False) + "\n"
