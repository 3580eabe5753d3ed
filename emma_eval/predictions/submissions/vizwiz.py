"""VizWiz's test server: a JSON list of {image, answer}, one for each image."""

from __future__ import annotations

import json
from collections import Counter

from emma_eval.errors import UserError
from emma_eval.predictions.submissions.answered_task import AnsweredTask


def vizwiz(task: AnsweredTask) -> str:
    """`[{"image": "VizWiz_test_00000000.jpg", "answer": "..."}, ...]` in the order of the questions.

    Raises UserError for a sample that is no image of VizWiz, or that stands twice.
    """
    for sample in task.samples:
        if not sample.id.startswith("VizWiz_") or not sample.id.endswith(".jpg"):
            raise UserError(f"the server takes images' names such as VizWiz_test_00000000.jpg, not {sample.id!r}")
    name, count = Counter(sample.id for sample in task.samples).most_common(1)[0]
    if count > 1:
        raise UserError(f"{name} stands {count} times among the questions; the server takes one answer an image")
    rows = [{"image": sample.id, "answer": task.text(sample)} for sample in task.samples]
    return json.dumps(rows)
