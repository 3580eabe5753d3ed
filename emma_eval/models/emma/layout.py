"""Trees as the rows of a batch: where each token stands, what it sees, where the prompts end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emma_eval.models.emma.tree import Tree


@dataclass(frozen=True, slots=True)
class Layout:
    """B trees of up to L slots, padded on the right, behind `start` slots that were filled before; P prompts end there.

    What is seen counts those slots too: K = start + L.
    """

    trees: Sequence[Tree]
    start: int

    @property
    def length(self) -> int:
        """L."""
        return max(tree.size for tree in self.trees)

    @property
    def straight(self) -> bool:
        """Whether every token sees all before it, so that no mask is needed."""
        return all(len(tree.branches) == 1 and tree.start == self.start for tree in self.trees)

    def rows(self) -> NDArray[np.int64]:
        """(P,) ascending: each prompt's row."""
        return np.repeat(np.arange(len(self.trees)), [len(tree.ends) for tree in self.trees])

    def ends(self) -> NDArray[np.int64]:
        """(P,) the slot of each prompt's last token."""
        return np.concatenate([tree.ends for tree in self.trees])

    def positions(self) -> NDArray[np.int64]:
        """(B, L)."""
        positions = np.zeros((len(self.trees), self.length), np.int64)
        for row, tree in zip(positions, self.trees, strict=True):
            row[: tree.size] = tree.positions()
        return positions

    def seen_at_ends(self) -> NDArray[np.bool_]:
        """(P, K) what each prompt's last token sees."""
        ends = [(tree, end) for tree in self.trees for end in tree.ends]
        seen = np.zeros((len(ends), self.start + self.length), bool)
        for row, (tree, end) in zip(seen, ends, strict=True):
            row[: tree.start] = True
            row[self.start : self.start + tree.size] = tree.way(end)
        return seen

    def seen(self) -> NDArray[np.bool_]:
        """(B, L, K) what each token sees."""
        seen = np.zeros((len(self.trees), self.length, self.start + self.length), bool)
        for row, tree in zip(seen, self.trees, strict=True):
            row[: tree.size, : tree.start] = True
            row[: tree.size, self.start : self.start + tree.size] = tree.ways()
            np.fill_diagonal(row[tree.size :, self.start + tree.size :], True)  # or a softmax would be 0 / 0
        return seen


def numbers_within(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(P,) each one's number within its row, from 0; `rows` are ascending."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


def as_mask(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores: 0 for what is seen, else minus infinity. (B, L, K) -> (B, 1, L, K)."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf)[:, None]
