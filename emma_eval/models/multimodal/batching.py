"""From tokenized requests to rows of a batch: prompts about the same image share a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from emma_eval.models.llama.generation import Limits
from emma_eval.models.llama.prefix_trie import ImageSpan, PrefixTrie, PromptItem, build_trie, num_slots
from emma_eval.types import ImageSource


@dataclass(frozen=True, slots=True)
class MultimodalPrompt:
    """A tokenized request."""

    input_ids: tuple[int, ...]  # with IMAGE_ID at each image
    instruction_ids: tuple[int, ...] | None  # CLIP's 77; None for a model without text encoder
    images: tuple[ImageSource, ...]
    items: tuple[PromptItem, ...]  # what the language model reads
    limits: Limits  # of the answer's length
    truncated: bool = False  # whether the request was longer than the model reads

    @property
    def num_tokens(self) -> int:
        """How many tokens the language model reads, those of images included."""
        return sum(map(num_slots, self.items))


@dataclass(frozen=True, slots=True)
class TrieRow:
    """Prompts that share a row of a batch."""

    indices: tuple[int, ...]  # which of the prompts given to `collate` they are
    trie: PrefixTrie
    prefix: tuple[int, ...]  # ids at their beginning whose keys and values are cached
    limits: tuple[Limits, ...]  # of each answer's length

    @property
    def num_tokens(self) -> int:
        """How many tokens are computed for the row."""
        return self.trie.size


def truncate(items: Sequence[PromptItem], max_length: int | None) -> Iterator[PromptItem]:
    """The items up to so many tokens (None: all); an image may lose some of its embeddings."""
    left = max_length
    for item in items:
        if left is not None and num_slots(item) > left:
            if left and isinstance(item, ImageSpan):
                yield replace(item, num_tokens=left)
            return
        yield item
        left = None if left is None else left - num_slots(item)


def collate(prompts: Sequence[MultimodalPrompt], prefix: tuple[int, ...] = ()) -> list[TrieRow]:
    """Prompts as rows of a batch: those whose first image has the same embeddings share one.

    Prompts that begin with `prefix` enter their trie without it. A prompt without image has a row of its own: text
    alone shares nothing but the prefix, and a shorter row pads less.
    """
    groups: dict[tuple[ImageSpan | int, bool], list[int]] = {}  # by first image, or else the prompt itself
    for index, prompt in enumerate(prompts):
        first_image = next((item for item in prompt.items if isinstance(item, ImageSpan)), index)
        has_prefix = prompt.items[: len(prefix)] == prefix and len(prompt.items) > len(prefix)
        groups.setdefault((first_image, has_prefix), []).append(index)
    return [
        TrieRow(
            indices=tuple(members),
            trie=build_trie([prompts[index].items for index in members], len(prefix) if has_prefix else 0),
            prefix=prefix if has_prefix else (),
            limits=tuple(prompts[index].limits for index in members),
        )
        for (_, has_prefix), members in groups.items()
    ]
