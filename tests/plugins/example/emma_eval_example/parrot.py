"""A model: it says its source, `--model parrot:yes`, once for every question, without looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emma_eval.types import Generation, ImageSource, Request


@dataclass(frozen=True)
class Words:
    """A prompt, and a row of a batch: the one prompt in it."""

    num_tokens: int
    indices: tuple[int, ...] = (0,)
    prefix: tuple[int, ...] = ()


@dataclass(frozen=True)
class Bird:
    """What answers."""

    says: str
    template: str = "vicuna_v1"
    max_batch_tokens: int = 1000

    def render_prompt(self, message: str) -> str:
        return message

    def tokenize(self, request: Request) -> Words:
        return Words(len(request.message.split()))

    def preprocess_image(self, image: ImageSource) -> None:
        image.open()

    def shared_prefix(self, prompts: Sequence[Words]) -> tuple[int, ...]:
        return ()

    def collate(self, prompts: Sequence[Words], prefix: tuple[int, ...] = ()) -> list[Words]:
        return [Words(prompt.num_tokens, (number,)) for number, prompt in enumerate(prompts)]

    def generate(self, rows: Sequence[Words], images: Mapping[ImageSource, Any]) -> list[list[Generation]]:
        return [[Generation(self.says, (1,))] for _ in rows]


class Parrot:
    """What the entry point names."""

    def fingerprint(self, source: str) -> str:
        return f"parrot 1.0, {source}"

    def load(self, source: str, *, device: str | None, dtype: str | None) -> Bird:
        return Bird(source or "squawk")


PARROT = Parrot()
