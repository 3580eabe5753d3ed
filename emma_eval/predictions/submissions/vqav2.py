"""VQAv2's test server: a JSON list of {question_id, answer} for every question of the split, test-dev's or not.

The server only takes files with all 447,793 questions of test2015. Those that were not asked get an empty answer, as in
LLaVA's uploads; it scores test-dev by the others.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from emma_eval.data.readers.parsing import require_key
from emma_eval.errors import UserError
from emma_eval.predictions.submissions.answered_task import AnsweredTask, integer_id
from emma_eval.utils.json_io import read_json_rows
from emma_eval.utils.text import pluralize


def vqav2(task: AnsweredTask) -> str:
    """`[{"question_id": 262144000, "answer": "no"}, ...]` in the order of the file of all questions.

    Raises UserError where that file is not there, or is of another split.
    """
    if task.all_questions is None:
        raise UserError(
            "the server wants an answer to every question of test2015, and their file is not below --data ROOT: "
            "v2_OpenEnded_mscoco_test2015_questions.json, or LLaVA's llava_vqav2_mscoco_test2015.jsonl, in vqav2/"
        )
    answers = {integer_id(sample): task.text(sample) for sample in task.samples}
    question_ids = _question_ids(task.all_questions)
    if foreign := answers.keys() - set(question_ids):
        raise UserError(
            f"{task.all_questions}: {pluralize(len(foreign), 'answered question')} not among its own, the first is "
            f"{min(foreign)}: it is the file of another split"
        )
    return json.dumps([{"question_id": key, "answer": answers.get(key, "")} for key in question_ids])


def _question_ids(path: Path) -> list[int]:
    """The ids of the official JSON file, or of LLaVA's JSON lines. Raises UserError for another file."""
    rows = read_json_rows(path)
    if isinstance(rows, dict):
        rows = require_key(rows, "questions", list, path)
    try:
        ids = [int(row["question_id"]) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: every question must have a whole number as its question_id") from error
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise UserError(f"{path}: the question_id {twice} stands twice; fetch the official file again")
    return ids
