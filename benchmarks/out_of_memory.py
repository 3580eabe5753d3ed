"""Out of memory in the middle of a run: no answer is lost, and none changes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks import random_model, vqa_load
from benchmarks.random_model import Shape
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats, Request

MEDIUM = Shape("EMMA, medium", 1024, 8, 16, 2816, 32_000, (256, 4, 4), (256, 3, 4), image=336, patch=14)
ROOM = 2 * 10**9  # bytes beside the model: far less than the scheduler plans for


def answers_when_out_of_memory(small: bool) -> dict[str, Any]:
    """Run a random model twice, the second time with too little memory. On a CPU the errors are injected."""
    cuda = not small and torch.cuda.is_available()
    device = torch.device("cuda:0" if cuda else "cpu")
    shape = random_model.SMALL if small else MEDIUM
    with tempfile.TemporaryDirectory() as folder:
        images = vqa_load.photographs(Path(folder), 12 if small else 200, (64, 48) if small else vqa_load.SIZE)
        requests = vqa_load.requests(images)
        runner = random_model.build(shape, str(device), torch.float32, random_model.tokenizer())
        plenty, _ = _ask(replace(runner), requests)
        scarce, stats = _ask_short_of_memory(replace(runner), requests, device)
    failed = sum(text is None for text in scarce.values())
    different = sum(scarce[number] != plenty[number] for number in plenty)
    return {
        "model": shape.name,
        "requests": len(requests),
        "shortages": stats.oom_retries,
        "failed": failed,
        "different": different,
        "passes": stats.oom_retries > 0 and failed == 0 and different == 0,
    }


def _ask(runner: ModelRunner, requests: Sequence[Request]) -> tuple[dict[int, str | None], InferenceStats]:
    stats = InferenceStats()
    return {number: response.text for number, response in run_requests(BatchedEngine(runner), requests, stats)}, stats


def _ask_short_of_memory(
    runner: ModelRunner, requests: Sequence[Request], device: torch.device
) -> tuple[dict[int, str | None], InferenceStats]:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated(device) + ROOM) / total, device)
        return _ask(runner, requests)
    generate, calls = ModelRunner.generate, iter(range(10**9))

    def every_third_fails(self: ModelRunner, *arguments: Any) -> Any:
        if next(calls) % 3 == 0:
            raise torch.cuda.OutOfMemoryError("injected")
        return generate(self, *arguments)

    with patch.object(ModelRunner, "generate", every_third_fails):
        return _ask(runner, requests)
