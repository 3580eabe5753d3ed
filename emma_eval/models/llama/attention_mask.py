"""Trees as the rows of a batch: where each token stands, what it sees, where the prompts end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emma_eval.models.llama.prefix_trie import Tree


@dataclass(frozen=True)
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

    def seen(self, slots: Tensor) -> Tensor:
        """(B, Q) slots -> (B, Q, K) bool: what a token in each sees, worked out where `slots` are.

        Padding is a branch of its own: it sees what is before it there, or a softmax would be 0 / 0.
        """
        device = slots.device
        branches, reach = (torch.from_numpy(part).to(device) for part in self._branches)
        far = torch.take_along_dim(reach, branches.gather(1, slots)[:, :, None], dim=1)  # (B, Q, N)
        far = torch.take_along_dim(far, branches[:, None], dim=2)  # (B, Q, L)
        place = torch.arange(self.length, device=device)
        own = (place < far) & (place <= slots[:, :, None])
        begins = torch.tensor([tree.start > 0 for tree in self.trees], device=device)
        return torch.cat([begins[:, None, None].expand(*slots.shape, self.start), own], dim=2)

    @cached_property
    def _branches(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Each slot's branch (B, L), and how far each branch sees into each (B, N, N)."""
        most = max(len(tree.branches) for tree in self.trees) + 1
        branches = np.zeros((len(self.trees), self.length), np.int64)
        reach = np.zeros((len(self.trees), most, most), np.int32)
        for row, tree in enumerate(self.trees):
            count = len(tree.branches)
            branches[row, : tree.size] = np.repeat(range(count), [one.stop - one.start for one in tree.branches])
            branches[row, tree.size :] = count
            reach[row, :count, :count] = tree.reach()
            reach[row, count, count] = self.length
        return branches, reach


def numbers_within(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(P,) each one's number within its row, from 0; `rows` are ascending."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


def as_mask(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores: 0 for what is seen, else minus infinity. (B, L, K) -> (B, 1, L, K)."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf)[:, None]
