"""Decoding steps replayed as CUDA graphs give the same answers as eager steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emma_eval.data.loading import load_samples
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from emma_eval.types import Request

TASKS = ("mme_mini", "vqav2_mini", "gqa_mini")
NEW_TOKENS = 24  # long answers, in which a difference in the last bit can show
MAX_DIFFERENT = {"float32": 0.0, "bfloat16": 0.003, "float16": 0.003}


def compare_graphs_with_eager(dtype: str) -> dict[str, Any]:
    """emma-mini's answers of NEW_TOKENS tokens, end ids ignored; how many differ without CUDA graphs."""
    runner = load_model("emma-mini", device="cuda", dtype=dtype)
    runner = replace(runner, eos_ids=frozenset())
    loaded = [load_task(name) for name in TASKS]
    requests = [
        replace(request, max_new_tokens=NEW_TOKENS)
        for task in loaded
        for request in build_requests(task, load_samples(task))
    ]
    replayed = _texts(runner, requests)
    graphs = 0 if runner.decode_graphs is None else len(runner.decode_graphs)
    plain = replace(runner)
    plain.decode_graphs = None
    computed = _texts(plain, requests)
    different = sum(replayed[number] != computed[number] for number in computed)
    passes = graphs > 0 and different <= MAX_DIFFERENT[dtype] * len(requests)
    return {"requests": len(requests), "graphs": graphs, "different": different, "passes": passes}


def _texts(runner: ModelRunner, requests: Sequence[Request]) -> dict[int, str | None]:
    return {number: response.text for number, response in run_requests(BatchedEngine(runner, 64), requests)}
