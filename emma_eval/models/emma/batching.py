"""From requests as numbers to rows of a batch: prompts about the same image are woven into one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from emma_eval.models.llama.prefix_trie import ImageSpan, Item, Tree, weave, width
from emma_eval.types import ImageSource


@dataclass(frozen=True, slots=True)
class MultimodalPrompt:
    """A Request as numbers."""

    input_ids: tuple[int, ...]  # with IMAGE_ID at each image
    instruction_ids: tuple[int, ...] | None  # CLIP's 77; None for plain LLaVA
    images: tuple[ImageSource, ...]
    items: tuple[Item, ...]  # what the language model reads
    max_new_tokens: int
    truncated: bool = False  # whether the request was longer than the model reads

    @property
    def num_tokens(self) -> int:
        """How many tokens the language model reads, images' rows included."""
        return sum(map(width, self.items))


@dataclass(frozen=True, slots=True)
class TrieRow:
    """Prompts that are read together."""

    indices: tuple[int, ...]  # which of the given prompts they are
    tree: Tree
    prefix: tuple[int, ...]  # ids that were read before
    max_new_tokens: tuple[int, ...]  # new tokens, for each member

    @property
    def num_tokens(self) -> int:
        """How many tokens are computed for it."""
        return self.tree.size


def cut(items: Sequence[Item], length: int | None) -> Iterator[Item]:
    """The items up to so many tokens; an image may lose some of its rows."""
    for item in items:
        if length is not None and width(item) > length:
            if length and isinstance(item, ImageSpan):
                yield replace(item, rows=length)
            return
        yield item
        length = None if length is None else length - width(item)


def as_rows(prompts: Sequence[MultimodalPrompt], prefix: tuple[int, ...] = ()) -> list[TrieRow]:
    """Prompts as rows: those whose first image is the same, as the same instruction shapes it, share one.

    Those that begin with `prefix` are woven without it. Text alone shares nothing else: a row of its own is shorter.
    """
    sharing: dict[tuple[ImageSpan | int, bool], list[int]] = {}
    for number, prompt in enumerate(prompts):
        first: ImageSpan | int = next((item for item in prompt.items if isinstance(item, ImageSpan)), number)
        begins = prompt.items[: len(prefix)] == prefix and len(prompt.items) > len(prefix)
        sharing.setdefault((first, begins), []).append(number)
    return [
        TrieRow(
            indices=tuple(members),
            tree=weave([prompts[member].items for member in members], len(prefix) if begins else 0),
            prefix=prefix if begins else (),
            max_new_tokens=tuple(prompts[member].max_new_tokens for member in members),
        )
        for (_, begins), members in sharing.items()
    ]
