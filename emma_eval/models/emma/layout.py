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
    """B trees of up to L slots, padded on the right, behind S slots that were filled before; P prompts end in them."""

    positions: NDArray[np.int64]  # (B, L)
    seen: NDArray[np.bool_]  # (B, L, S + L): which slots each token sees
    rows: NDArray[np.int64]  # (P,) ascending: each prompt's row
    ends: NDArray[np.int64]  # (P,) the slot of its last token
    straight: bool  # every token sees all before it, so that no mask is needed


def lay_out(trees: Sequence[Tree], start: int) -> Layout:
    """Trees side by side; those that begin at position 0 do not see the `start` slots before."""
    longest = max(tree.size for tree in trees)
    positions = np.zeros((len(trees), longest), np.int64)
    seen = np.zeros((len(trees), longest, start + longest), bool)
    for row, tree in enumerate(trees):
        positions[row, : tree.size] = tree.positions()
        seen[row, : tree.size, : tree.start] = True
        seen[row, : tree.size, start : start + tree.size] = tree.ways()
        np.fill_diagonal(seen[row, tree.size :, start + tree.size :], True)  # who sees nothing has a softmax of 0 / 0
    return Layout(
        positions=positions,
        seen=seen,
        rows=np.repeat(np.arange(len(trees)), [len(tree.ends) for tree in trees]),
        ends=np.concatenate([tree.ends for tree in trees]),
        straight=all(len(tree.branches) == 1 and tree.start == start for tree in trees),
    )


def numbers_within(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(P,) each one's number within its row, from 0; `rows` are ascending."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


def as_mask(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores: 0 for what is seen, else minus infinity. (B, L, K) -> (B, 1, L, K)."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf)[:, None]
