"""Short ways to ask a model in a test."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from emma_eval.models.emma.model import Emma
from emma_eval.models.llama.generation import State
from emma_eval.types import Request


def read(model: Emma, requests: Sequence[Request]) -> tuple[Tensor, State]:
    """The logits of each request's first new token, (P, V), every request in a row of its own."""
    prompts = [model.tokenize(request) for request in requests]
    images = {image: model.preprocess_image(image) for prompt in prompts for image in prompt.images}
    return model.prefill([row for prompt in prompts for row in model.collate([prompt])], images)
