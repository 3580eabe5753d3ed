"""Prompts that begin alike, as one trie: what they share is in it once and is computed once.

A trie's tokens are laid into slots, one segment behind the other. A segment continues from a slot of an earlier one,
and a token sees the slots on its own path to the root. A single prompt is a trie of one segment.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emma_eval.types import ImageSource

IMAGE_ID = -200  # LLaVA's id that stands in input ids where the embeddings of an image go
ROOT = -1  # the parent of a segment that continues from no slot


@dataclass(frozen=True, slots=True)
class ImageSpan:
    """An image's place in a prompt. Equal spans have equal embeddings, so they may be shared."""

    image: ImageSource
    instruction: tuple[int, ...] | None  # ids of the text that the embeddings depend on besides; None: on no text
    num_tokens: int  # how many of the image's embeddings are in the prompt: all, unless it is truncated there


PromptItem = int | ImageSpan  # a token id, or an image


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An item of a trie: the slots [slot, slot + num_slots), at the positions from `position` on."""

    item: PromptItem
    slot: int
    position: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Slots [start, stop), which continue from slot `parent`, or from ROOT."""

    start: int
    stop: int
    parent: int


@dataclass(frozen=True, slots=True)
class PrefixTrie:
    """Prompts in one trie, without their first `prefix_length` tokens, whose keys and values are cached."""

    items: tuple[PlacedItem, ...]
    segments: tuple[Segment, ...]
    last_slots: tuple[int, ...]  # for each prompt, the slot of its last token
    size: int  # slots
    prefix_length: int

    @property
    def images(self) -> list[ImageSpan]:
        """The images in it, in the order of their slots."""
        return [placed.item for placed in self.items if isinstance(placed.item, ImageSpan)]

    def ids(self) -> NDArray[np.int64]:
        """(size,) the token id in each slot; 0 where an image is."""
        ids = np.zeros(self.size, np.int64)
        for placed in self.items:
            if not isinstance(placed.item, ImageSpan):
                ids[placed.slot] = placed.item
        return ids

    def is_image(self) -> NDArray[np.bool_]:
        """(size,) whether a slot is an image's."""
        is_image = np.zeros(self.size, np.bool_)
        for placed in self.items:
            if isinstance(placed.item, ImageSpan):
                is_image[placed.slot : placed.slot + placed.item.num_tokens] = True
        return is_image

    def positions(self) -> NDArray[np.int64]:
        """(size,) the position of each slot in its prompts."""
        positions = np.empty(self.size, np.int64)
        for placed in self.items:
            length = num_slots(placed.item)
            positions[placed.slot : placed.slot + length] = placed.position + np.arange(length)
        return positions

    def segment_visibility(self) -> NDArray[np.int32]:
        """(N, N) for N segments: a token of segment i sees the slots of segment j below [i, j].

        Of its own segment it sees them up to itself, which this does not say; [i, i] is the segment's end.
        """
        visible_until = np.zeros((len(self.segments), len(self.segments)), np.int32)
        starts = [segment.start for segment in self.segments]
        for index, segment in enumerate(self.segments):  # a parent comes before its children
            if segment.parent != ROOT:
                parent = bisect(starts, segment.parent) - 1  # the segment that holds the slot
                visible_until[index] = visible_until[parent]
                visible_until[index, parent] = segment.parent + 1
            visible_until[index, index] = segment.stop
        return visible_until


class TrieBuilder:
    """Adds prompts to a trie one by one: each walks along what is there and adds the rest as one segment."""

    def __init__(self, prefix_length: int) -> None:
        self._prefix_length = prefix_length
        self._children: dict[tuple[int, PromptItem], PlacedItem] = {}  # by the slot before and the item
        self._segments: list[Segment] = []
        self._last_slots: list[int] = []
        self._size = 0

    def add(self, prompt: Sequence[PromptItem]) -> None:
        """Add a prompt, given whole."""
        items = prompt[self._prefix_length :]
        slot, position, index = ROOT, self._prefix_length, 0  # the last slot so far, and what comes next
        while index < len(items) and (child := self._children.get((slot, items[index]))):
            slot, position = child.slot + num_slots(child.item) - 1, position + num_slots(child.item)
            index += 1
        if index < len(items):
            start, parent = self._size, slot
            for item in items[index:]:
                self._children[slot, item] = PlacedItem(item, self._size, position)
                self._size += num_slots(item)
                slot, position = self._size - 1, position + num_slots(item)
            self._segments.append(Segment(start, self._size, parent))
        self._last_slots.append(slot)

    def build(self) -> PrefixTrie:
        """The trie of the prompts added so far."""
        items = tuple(self._children.values())  # in the order of their slots, as they were added
        return PrefixTrie(items, tuple(self._segments), tuple(self._last_slots), self._size, self._prefix_length)


def build_trie(prompts: Sequence[Sequence[PromptItem]], prefix_length: int = 0) -> PrefixTrie:
    """One trie of prompts without their first `prefix_length` tokens; every distinct beginning is in it once."""
    builder = TrieBuilder(prefix_length)
    for prompt in prompts:
        builder.add(prompt)
    return builder.build()


def num_slots(item: PromptItem) -> int:
    """How many slots, which is tokens, an item takes."""
    return item.num_tokens if isinstance(item, ImageSpan) else 1


def shared_prefix(prompts: Sequence[Sequence[PromptItem]]) -> tuple[int, ...]:
    """The token ids that all prompts begin with, up to the first image; every prompt keeps an item of its own.

    Empty for fewer than two prompts: nothing is shared.
    """
    if len(prompts) < 2:
        return ()
    shared: list[int] = []
    for column in zip(*(prompt[:-1] for prompt in prompts), strict=False):
        first = column[0]
        if isinstance(first, ImageSpan) or any(item != first for item in column):
            break
        shared.append(first)
    return tuple(shared)
