"""Requests of every shape, answered by the harness and by transformers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image

from emma_eval.errors import SampleError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.models.transformers.chat_template import conversation
from emma_eval.types import InferenceStats, Request
from tests.fakes import make_image


@dataclass(frozen=True)
class Picture:
    """Equal pictures are the same image."""

    width: int
    height: int

    @property
    def label(self) -> str:
        return f"{self.width}x{self.height}"

    name = label

    def exists(self) -> bool:
        return True

    def open(self) -> Image.Image:
        if not self.height:
            raise SampleError(f"{self.label}: broken")
        return make_image(self.width, self.height, self.width)


WIDE, TALL, LARGE = Picture(50, 30), Picture(30, 60), Picture(90, 85)
ASKED = (
    ("<image>\nWhat is on the left?", (WIDE,)),
    ("<image>\nIs it a longer question than the first one?", (TALL,)),
    ("A: <image>\nB: <image>\nWhich?", (WIDE, LARGE)),
    ("No picture at all?", ()),
    ("<image>\nShort?", (LARGE,)),
    ("Text", ()),
    ("<image>\n<image>\n<image>\nThree?", (WIDE, TALL, LARGE)),
    ("<image>\nEh?", (TALL,)),
)
REQUESTS = [
    Request(str(number), 0, message, "", images, 6 + number % 3) for number, (message, images) in enumerate(ASKED)
]


def answers(model: Any, size: int, requests: list[Request] = REQUESTS) -> tuple[list[Any], InferenceStats]:
    stats = InferenceStats()
    outcomes = dict(BatchedEngine(model, size).generate(requests, stats))
    return [replace(outcomes[index], seconds=0.0) for index in range(len(requests))], stats


def answer_of_transformers(model: Any, request: Request) -> list[int]:
    """By the processor's own `apply_chat_template`, alone."""
    images = iter(request.images)
    messages = conversation(request.message)
    for part in messages[0]["content"]:
        if part["type"] == "image":
            part["image"] = next(images).open()
    inputs = model.processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    inputs.pop("token_type_ids", None)
    with torch.inference_mode():
        ids = model.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=request.max_new_tokens,
            min_new_tokens=request.min_new_tokens or None,
        )
    return ids[0, inputs["input_ids"].shape[1] :].tolist()
