"""Short ways to ask a model in a test."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from emma_eval.models.llama.generation import DecodeState
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request


def read(runner: ModelRunner, requests: Sequence[Request]) -> tuple[Tensor, DecodeState]:
    """The logits of each request's first new token, (P, V), every request in a row of its own."""
    prompts = [runner.tokenize(request) for request in requests]
    images = {image: runner.preprocess_image(image) for prompt in prompts for image in prompt.images}
    return runner.prefill([row for prompt in prompts for row in runner.collate([prompt])], images)
