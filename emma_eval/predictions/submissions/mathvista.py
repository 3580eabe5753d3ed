"""MathVista: a JSON object problem id -> problem with its `response`, as the official generate_response.py writes it.

extract_answer.py and calculate_score.py go on from it, the authors' for the test split.
"""

from __future__ import annotations

import json

from emma_eval.errors import UserError
from emma_eval.predictions.submissions.answered_task import AnsweredTask


def mathvista(task: AnsweredTask) -> str:
    """`{"1": {"pid": "1", "query": ..., "response": ..., ...}, ...}` with what the official tools read of a problem.

    Raises UserError for a problem whose id is no whole number or stands twice.
    """
    problems = {}
    for sample in task.samples:
        if not sample.id.isdecimal() or sample.id in problems:
            raise UserError(f"a problem's id must be a whole number and stand once, and {sample.id!r} does not")
        problems[sample.id] = {
            "pid": sample.id,
            "image": sample.meta["image"],
            "query": sample.question,
            "choices": list(sample.options) or None,
            "question_type": sample.meta["question_type"],
            "answer_type": sample.meta["answer_type"],
            "precision": sample.meta["precision"],
            "response": task.text(sample),
        }
    return json.dumps(problems, indent=1, ensure_ascii=False) + "\n"
