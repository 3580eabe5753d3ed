"""LLaVA-Bench: the answers file that LLaVA's eval_gpt_review_bench.py takes beside GPT-4's own answers.

It reads questions and answers line by line in parallel, so the answers are in the order of the questions.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from emma_eval.predictions.submissions.answered_task import AnsweredTask
from emma_eval.types import Sample


def llava_bench(task: AnsweredTask) -> str:
    """A line {question_id, prompt, text, answer_id, model_id, metadata} for each question."""
    return "".join(_line(sample, task.text(sample), task.model) for sample in task.samples)


def _line(sample: Sample, text: str, model: str) -> str:
    question_id = int(sample.id) if sample.id.isdecimal() else sample.id
    row: dict[str, Any] = {
        "question_id": question_id,
        "prompt": sample.question,
        "text": text,
        "answer_id": hashlib.sha256(f"{model}\n{sample.id}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:22],
        "model_id": model,
        "metadata": {},
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
