"""LLaVA-Bench: the answers file that LLaVA's eval_gpt_review_bench.py takes beside GPT-4's own answers.

It reads questions and answers side by side, line by line, so that the order is the questions'.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from emma_eval.predictions.submissions.answered import Answered
from emma_eval.types import Sample


def llava_bench(answered: Answered) -> str:
    """A line {question_id, prompt, text, answer_id, model_id, metadata} for each question."""
    return "".join(_line(sample, answered.text(sample), answered.model) for sample in answered.samples)


def _line(sample: Sample, text: str, model: str) -> str:
    identity = int(sample.id) if sample.id.isdecimal() else sample.id
    row: dict[str, Any] = {
        "question_id": identity,
        "prompt": sample.question,
        "text": text,
        "answer_id": hashlib.sha256(f"{model}\n{sample.id}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:22],
        "model_id": model,
        "metadata": {},
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
