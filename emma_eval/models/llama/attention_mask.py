"""Tries as the rows of a batch: the position of each token, which slots it sees, where the prompts end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emma_eval.models.llama.prefix_trie import PrefixTrie


@dataclass(frozen=True)
class TrieBatch:
    """B tries of up to L slots, padded on the right, with P prompts in all.

    Before a row's L slots attention finds the S slots of the cached prefix: K = S + L. A trie that was built without
    that prefix does not see them.
    """

    tries: Sequence[PrefixTrie]
    prefix_length: int  # S
    sliding_window: int | None = None  # a token sees those at most so many positions before it, itself counted

    @property
    def length(self) -> int:
        """L."""
        return max(trie.size for trie in self.tries)

    @property
    def is_causal(self) -> bool:
        """Whether every token sees all slots before its own, so that attention needs no mask."""
        if self.sliding_window is not None and self.sliding_window < self.prefix_length + self.length:
            return False
        return all(len(trie.segments) == 1 and trie.prefix_length == self.prefix_length for trie in self.tries)

    def prompt_rows(self) -> NDArray[np.int64]:
        """(P,) ascending: the row of each prompt."""
        return np.repeat(np.arange(len(self.tries)), [len(trie.last_slots) for trie in self.tries])

    def last_slots(self) -> NDArray[np.int64]:
        """(P,) the slot of each prompt's last token, from 0 to L - 1."""
        return np.concatenate([trie.last_slots for trie in self.tries])

    def positions(self) -> NDArray[np.int64]:
        """(B, L); 0 in padding."""
        positions = np.zeros((len(self.tries), self.length), np.int64)
        for row, trie in zip(positions, self.tries, strict=True):
            row[: trie.size] = trie.positions()
        return positions

    def is_image(self) -> NDArray[np.bool_]:
        """(B, L): whether a slot is an image's; not in padding."""
        is_image = np.zeros((len(self.tries), self.length), np.bool_)
        for row, trie in zip(is_image, self.tries, strict=True):
            row[: trie.size] = trie.is_image()
        return is_image

    def key_positions(self) -> NDArray[np.int64]:
        """(B, K): the position of each slot, those of the prefix included."""
        prefix = np.broadcast_to(np.arange(self.prefix_length), (len(self.tries), self.prefix_length))
        return np.concatenate([prefix, self.positions()], axis=1)

    def visibility(self, query_slots: Tensor) -> Tensor:
        """Which slots the tokens at `query_slots` (B, Q) see: (B, Q, K) bool, on the device of `query_slots`.

        The prompts abc, abde and f make a trie of three segments, abc | de | f. Without a prefix it gives, a row for
        each query and a column for each slot:

                   a b c d e f
                a  x . . . . .
                b  x x . . . .
                c  x x x . . .
                d  x x . x . .      d continues from b: it does not see c
                e  x x . x x .
                f  . . . . . x      f continues from the root

        A row's padding is one more segment, which sees itself: a softmax over no slot at all would be 0 / 0. With a
        sliding window of W the slots whose position is W or more before the token's own are not seen.
        """
        device = query_slots.device
        segments, visible_until = (torch.from_numpy(array).to(device) for array in self._segments)  # (B, L), (B, N, N)
        query_segments = segments.gather(1, query_slots)  # (B, Q)
        until_in_segment = torch.take_along_dim(visible_until, query_segments[:, :, None], dim=1)  # (B, Q, N)
        until_at_slot = torch.take_along_dim(until_in_segment, segments[:, None], dim=2)  # (B, Q, L)
        key_slots = torch.arange(self.length, device=device)
        in_trie = (key_slots < until_at_slot) & (key_slots <= query_slots[:, :, None])  # (B, Q, L)
        has_prefix = torch.tensor([trie.prefix_length > 0 for trie in self.tries], device=device)
        in_prefix = has_prefix[:, None, None].expand(*query_slots.shape, self.prefix_length)  # (B, Q, S)
        visible = torch.cat([in_prefix, in_trie], dim=2)
        if self.sliding_window is None:
            return visible
        key_positions = torch.from_numpy(self.key_positions()).to(device)  # (B, K)
        query_positions = key_positions[:, self.prefix_length :].gather(1, query_slots)  # (B, Q)
        return visible & (query_positions[:, :, None] - key_positions[:, None] < self.sliding_window)

    @cached_property
    def _segments(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The segment of each slot (B, L), and up to which slot each segment sees each other one (B, N, N)."""
        most = max(len(trie.segments) for trie in self.tries) + 1  # and one for padding
        segments = np.zeros((len(self.tries), self.length), np.int64)
        visible_until = np.zeros((len(self.tries), most, most), np.int32)
        for row, trie in enumerate(self.tries):
            count = len(trie.segments)
            segments[row, : trie.size] = np.repeat(range(count), [part.stop - part.start for part in trie.segments])
            segments[row, trie.size :] = count
            visible_until[row, :count, :count] = trie.segment_visibility()
            visible_until[row, count, count] = self.length
        return segments, visible_until


class RowIndex:
    """The places of P sequences in a (B, Q) array: sequences of one row stand side by side from column 0 on.

    Rows with fewer sequences than the fullest one have places that belong to no sequence.
    """

    def __init__(self, rows: NDArray[np.int64], num_rows: int, device: torch.device) -> None:
        """`rows` (P,) is the row of each sequence, ascending."""
        columns = np.arange(len(rows)) - np.searchsorted(rows, rows)
        self.rows, self.num_rows = rows, num_rows  # B
        self.width = int(columns.max()) + 1  # Q
        self._host_columns = columns
        self.columns = torch.from_numpy(columns).to(device)  # (P,)
        self._places = torch.from_numpy(rows).to(device), self.columns

    def scatter(self, values: Tensor) -> Tensor:
        """Values (P, ...) at their places: (B, Q, ...), 0 elsewhere."""
        return self.scatter_into(values.new_zeros(self.num_rows, self.width, *values.shape[1:]), values)

    def scatter_into(self, array: Tensor, values: Tensor) -> Tensor:
        """Write values (P, ...) to their places in an array (B, Q, ...), which is returned."""
        array[self._places] = values
        return array

    def scatter_on_host(self, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Values (P,) at their places: (B, Q), False elsewhere."""
        array = np.zeros((self.num_rows, self.width), np.bool_)
        array[self.rows, self._host_columns] = values
        return array

    def gather(self, array: Tensor) -> Tensor:
        """What an array (B, Q, ...) holds at the places: (P, ...)."""
        return array[self._places]


def additive_mask(visible: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores: 0 for slots that are seen, else -inf. (B, L, K) bool -> (B, 1, L, K)."""
    return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill_(~visible, -torch.inf)[:, None]


def window_mask(positions: Tensor, sliding_window: int, dtype: torch.dtype) -> Tensor:
    """The additive mask (B, 1, L, L) of single prompts whose tokens see W positions, their own the last; (B, L)."""
    distance = positions[:, :, None] - positions[:, None]  # (B, L, L), of query and key
    return additive_mask((distance >= 0) & (distance < sliding_window), dtype)
