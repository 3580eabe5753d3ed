"""Prompts that begin alike, as one tree: what they share stands in it once and is read once.

A tree's tokens are laid into slots, one branch behind the other; a branch goes on from a slot of an earlier one, and a
token sees the slots on its own way back to the root. A single prompt is a tree of one branch.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emma_eval.types import ImageSource

ROOT = -1


@dataclass(frozen=True, slots=True)
class ImageSpan:
    """Stands in a prompt for an image's rows. Equal ones are equal rows: EMMA's depend on the instruction too."""

    image: ImageSource
    instruction: tuple[int, ...] | None  # CLIP's 77 ids; None for plain LLaVA
    rows: int  # how many of the image's rows are read: all, unless the sequence is cut there


Item = int | ImageSpan  # a token's id, or an image


@dataclass(frozen=True, slots=True)
class Branch:
    """Slots [start, stop), which go on from slot `parent` (or from the root)."""

    start: int
    stop: int
    parent: int


@dataclass(frozen=True, slots=True)
class Tree:
    """Prompts woven together, behind a beginning of `start` tokens that was read before."""

    items: tuple[tuple[Item, int, int], ...]  # item, its first slot, its first position
    branches: tuple[Branch, ...]
    ends: tuple[int, ...]  # for each prompt, the slot of its last token
    size: int  # slots
    start: int  # the root's first position

    @property
    def images(self) -> list[ImageSpan]:
        """The images it shows."""
        return [item for item, _, _ in self.items if isinstance(item, ImageSpan)]

    def ids(self) -> NDArray[np.int64]:
        """(size,) the id in each slot; 0 where an image is."""
        ids = np.zeros(self.size, np.int64)
        for item, slot, _ in self.items:
            if not isinstance(item, ImageSpan):
                ids[slot] = item
        return ids

    def positions(self) -> NDArray[np.int64]:
        """(size,) how deep each slot lies."""
        positions = np.empty(self.size, np.int64)
        for item, slot, position in self.items:
            positions[slot : slot + width(item)] = np.arange(position, position + width(item))
        return positions

    def reach(self) -> NDArray[np.int32]:
        """(N, N) for N branches: a token of one sees another's slots below this number, its own up to itself."""
        reach = np.zeros((len(self.branches), len(self.branches)), np.int32)
        starts = [branch.start for branch in self.branches]
        for number, branch in enumerate(self.branches):  # each behind the one that it goes on from
            if branch.parent != ROOT:
                before = bisect(starts, branch.parent) - 1
                reach[number] = reach[before]
                reach[number, before] = branch.parent + 1
            reach[number, number] = branch.stop
        return reach


def weave(prompts: Sequence[Sequence[Item]], start: int = 0) -> Tree:
    """One tree of prompts without their first `start` tokens. Every distinct beginning takes its slots once."""
    known: dict[tuple[int, Item], tuple[int, int]] = {}  # (slot before, item) -> its last slot and position
    items: list[tuple[Item, int, int]] = []
    branches: list[Branch] = []
    ends = []
    size = 0
    for prompt in prompts:
        last, position = ROOT, start - 1
        first, parent = size, ROOT
        for item in prompt[start:]:
            key = last, item
            if key not in known:
                if size == first:
                    parent = last
                items.append((item, size, position + 1))
                size += width(item)
                known[key] = size - 1, position + width(item)
            last, position = known[key]
        if size > first:
            branches.append(Branch(first, size, parent))
        ends.append(last)
    return Tree(tuple(items), tuple(branches), tuple(ends), size, start)


def width(item: Item) -> int:
    """How many slots an item takes."""
    return item.rows if isinstance(item, ImageSpan) else 1


def common_start(prompts: Sequence[Sequence[Item]]) -> tuple[int, ...]:
    """The tokens that all prompts begin with, up to the first image; every prompt keeps an item of its own.

    Nothing for a single prompt, which shares with nobody.
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
