"""A model of one method: `--model parrot:yes` answers every question with "yes"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from emma_eval.models.base import Message, ModelSpec


class Parrot:
    """What the entry point names: called with a spec, it is the model."""

    options: ClassVar = {"loud": "true: answer in capital letters"}

    def __init__(self, spec: ModelSpec) -> None:
        word = spec.source or "squawk"
        self.word = word.upper() if spec.flag("loud") else word

    def generate(self, messages: Sequence[Message]) -> list[str]:
        return [self.word for _ in messages]
