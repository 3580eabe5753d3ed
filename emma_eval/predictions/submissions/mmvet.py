"""MM-Vet: a JSON object question id -> text, for its online evaluator or its notebook with GPT-4."""

from __future__ import annotations

import json

from emma_eval.predictions.submissions.answered_task import AnsweredTask

PREFIX = "v1_"  # of the official ids; LLaVA's question file leaves it out


def mmvet(task: AnsweredTask) -> str:
    """`{"v1_0": text, ...}` in the order of the questions."""
    texts = {PREFIX + sample.id.removeprefix(PREFIX): task.text(sample) for sample in task.samples}
    return json.dumps(texts, indent=2)
