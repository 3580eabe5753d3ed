"""The keys and values of what a batch has read, in memory that every batch uses again.

One buffer a layer holds the batch of the moment as (rows, heads, slots, width), so a batch of the same shape always has
the same addresses, which a captured decoding step relies on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.ops.pointwise import can_rotate, rotate

SLOT_GRAIN = 16  # on a GPU: fewer shapes to record, and aligned masks
SPARE = 8  # a buffer that grows takes an eighth more: batches of one size differ that much

Layers = Sequence[tuple[Tensor, Tensor]]  # a layer's keys and values: (B, H, K, Dh) each


class KeyValues:
    """Keys and values by row and slot. Slots from `filled` on are free."""

    def __init__(self, config: LlamaConfig, dtype: torch.dtype, device: torch.device) -> None:
        self._heads, self._width = config.num_kv_heads, config.head_dim
        self._nothing = torch.empty(0, dtype=dtype, device=device)
        self._buffers = [self._nothing] * (2 * config.num_layers)
        self.layers: list[tuple[Tensor, Tensor]] = []  # keys and values: (B, H, K, Dh) each
        self._grain = SLOT_GRAIN if device.type == "cuda" else 1
        self.rows = self.slots = self.filled = 0
        self.moves = 0  # how often a buffer was made anew: what knows addresses of before is out of date
        self._places: slice | Tensor = slice(0)  # the slots that the next `update` fills
        self._visible = 0  # attention reads so many slots

    def open(self, rows: int, slots: int, beginning: Layers = ()) -> None:
        """Make room for a new batch of at least so many slots; what the last one had read is gone.

        Every row begins with `beginning`, which was read before: (1, H, S, Dh) a layer.
        """
        slots = self._rounded(slots)
        self.layers = []
        if any(buffer.numel() < self._size(rows, slots) for buffer in self._buffers):
            self._buffers = [self._nothing] * len(self._buffers)  # first, or all would be there twice
        views = [self._view(at, rows, slots) for at in range(len(self._buffers))]
        self.layers = list(zip(views[::2], views[1::2], strict=True))
        self.rows, self.slots, self.filled = rows, slots, 0
        for (keys, values), (first_keys, first_values) in zip(self.layers, beginning, strict=bool(beginning)):
            self.filled = first_keys.shape[2]
            keys[:, :, : self.filled] = first_keys
            values[:, :, : self.filled] = first_values

    def clear(self, start: int) -> None:
        """Put zeros into the slots from `start` on: a mask does not hide NaN that an earlier batch may have left."""
        for keys, values in self.layers:
            keys[:, :, start:] = 0
            values[:, :, start:] = 0

    def extend(self, count: int) -> None:
        """Let the next forward pass fill `count` slots."""
        self._places = slice(self.filled, self.filled + count)
        self.filled += count
        self._visible = self.filled

    def fill(self, places: Tensor) -> None:
        """Let forward passes fill the slots that `places` (L,) names when they run, and read every slot."""
        self._places, self._visible = places, self.slots

    def update(self, keys_values: Tensor, turns: Tensor, layer: int) -> None:
        """Store a layer's new keys, rotated by `turns`, and values: (B, L, 2 H, Dh), keys first."""
        if isinstance(self._places, slice) and can_rotate(keys_values):
            from emma_eval.models.ops.triton_kernels import store

            keys, values = (part[:, :, self._places] for part in self.layers[layer])
            store(keys_values, turns, keys, values)
            return
        keys, values = keys_values.chunk(2, dim=2)
        for stored, new in zip(self.layers[layer], (rotate(keys, turns), values), strict=True):
            stored[:, :, self._places] = new.transpose(1, 2)

    def stored(self, layer: int) -> tuple[Tensor, Tensor]:
        """A layer's keys and values, (B, H, K, Dh) each, as far as attention sees them."""
        keys, values = self.layers[layer]
        return keys[:, :, : self._visible], values[:, :, : self._visible]

    def copy(self) -> Layers:
        """What is stored now, in memory of its own."""
        return [(k[:, :, : self.filled].clone(), v[:, :, : self.filled].clone()) for k, v in self.layers]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, ascending: each moves up to its place, where nothing is that is still wanted."""
        parts = [part for layer in self.layers for part in layer]
        if self._nothing.is_cuda:  # a row at a time, all layers in one launch: no second copy of what may be gigabytes
            by_row = list(zip(*(part.unbind() for part in parts), strict=True))
            for place, row in enumerate(rows):
                if place != row:
                    torch._foreach_copy_(by_row[place], by_row[row])
        else:
            index = torch.tensor(rows)
            for part in parts:
                part[: len(rows), :, : self.filled] = part[index, :, : self.filled]
        self.rows = len(rows)
        self.layers = [(keys[: self.rows], values[: self.rows]) for keys, values in self.layers]

    def grow(self, slots: int) -> None:
        """Go on with room for at least `slots` slots a row."""
        filled, slots = self.filled, self._rounded(slots)
        for layer, stored in enumerate(self.layers):
            kept = [part[:, :, :filled].clone() for part in stored]
            keys, values = self._view(2 * layer, self.rows, slots), self._view(2 * layer + 1, self.rows, slots)
            keys[:, :, :filled], values[:, :, :filled] = kept
            self.layers[layer] = keys, values
        self.slots = slots
        self.clear(filled)

    def _rounded(self, slots: int) -> int:
        return -(-slots // self._grain) * self._grain

    def _size(self, rows: int, slots: int) -> int:
        return rows * self._heads * slots * self._width

    def _view(self, at: int, rows: int, slots: int) -> Tensor:
        needed = self._size(rows, slots)
        if self._buffers[at].numel() < needed:
            self.moves += 1
            self._buffers[at] = self._nothing.new_empty(needed + needed // SPARE)
        return self._buffers[at][:needed].view(rows, self._heads, slots, self._width)
