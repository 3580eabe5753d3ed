"""A model that takes part in batching: it says how many words it reads, those that requests share once only.

Its tokens are words. Requests about the same images become one row, whose common beginning counts once; whatever all
requests begin with is its shared prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from emma_eval.models.base import ModelSpec
from emma_eval.types import Generation, ImageSource, Request


@dataclass(frozen=True)
class Words:
    """A tokenized request."""

    ids: tuple[int, ...]
    images: tuple[ImageSource, ...]

    @property
    def num_tokens(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Row:
    """Requests on the same images, read together."""

    indices: tuple[int, ...]
    prompts: tuple[Words, ...]
    prefix: tuple[int, ...]

    @property
    def num_tokens(self) -> int:
        shared = len(common([prompt.ids for prompt in self.prompts]))
        return shared - len(self.prefix) + sum(prompt.num_tokens - shared for prompt in self.prompts)


class WordCounter:
    """What the entry point names, and the model."""

    template = "vicuna_v1"
    max_batch_tokens = 1000

    def __init__(self, spec: ModelSpec) -> None:
        self.vocabulary: dict[str, int] = {}

    @staticmethod
    def fingerprint(spec: ModelSpec) -> str:
        return "word_counter 1.0"

    def render_prompt(self, message: str) -> str:
        return f"USER: {message} ASSISTANT:"

    def tokenize(self, request: Request) -> Words:
        words = self.render_prompt(request.message).split()
        return Words(tuple(self.vocabulary.setdefault(word, len(self.vocabulary)) for word in words), request.images)

    def preprocess_image(self, image: ImageSource) -> tuple[int, int]:
        return image.open().size

    def shared_prefix(self, prompts: Sequence[Words]) -> tuple[int, ...]:
        return common([prompt.ids[:-1] for prompt in prompts])

    def collate(self, prompts: Sequence[Words], prefix: tuple[int, ...] = ()) -> list[Row]:
        groups: dict[tuple[ImageSource, ...], list[int]] = {}
        for index, prompt in enumerate(prompts):
            groups.setdefault(prompt.images, []).append(index)
        return [Row(tuple(indices), tuple(prompts[index] for index in indices), prefix) for indices in groups.values()]

    def generate(self, rows: Sequence[Row], images: Mapping[ImageSource, Any]) -> list[list[Generation]]:
        return [[count(prompt) for prompt in row.prompts] for row in rows]


def count(prompt: Words) -> Generation:
    return Generation(str(prompt.num_tokens), (prompt.num_tokens,), "stop")


def common(sequences: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """What all begin with."""
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*sequences, strict=False))
    return tuple(column[0] for column in columns)
