"""The keys and values of what a batch has read, in memory that every batch uses again.

One buffer a layer holds the batch of the moment as (rows, heads, slots, width), so a batch of the same shape always has
the same addresses, which a captured decoding step relies on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from emma_eval.models.emma.llama_config import LlamaConfig

SLOT_GRAIN = 64  # on a GPU: fewer shapes to record, and aligned masks

Layers = Sequence[tuple[Tensor, Tensor]]  # a layer's keys and values: (B, H, K, Dh) each


class KeyValues:
    """Keys and values by row and slot. Slots from `filled` on are free."""

    def __init__(self, config: LlamaConfig, dtype: torch.dtype, device: torch.device) -> None:
        self._heads, self._width = config.kv_heads, config.head_width
        self._buffers = [torch.empty(0, dtype=dtype, device=device) for _ in range(2 * config.layers)]
        self.layers: list[tuple[Tensor, Tensor]] = []  # keys and values: (B, H, K, Dh) each
        self._grain = SLOT_GRAIN if device.type == "cuda" else 1
        self.rows = self.slots = self.filled = 0
        self._places: slice | Tensor = slice(0)  # the slots that the next `update` fills
        self._visible = 0  # attention reads so many slots

    @property
    def address(self) -> int:
        """Where the memory begins; it moves when it grows."""
        return self._buffers[0].data_ptr()

    def open(self, rows: int, slots: int) -> None:
        """Make room for a new batch of at least so many slots; what the last one had read is gone."""
        slots = self._rounded(slots)
        views = [self._view(at, rows, slots) for at in range(len(self._buffers))]
        self.layers = list(zip(views[::2], views[1::2], strict=True))
        self.rows, self.slots, self.filled = rows, slots, 0

    def put(self, prefix: Layers) -> None:
        """Begin every row of an empty batch with what has been read already: (1, H, S, Dh) a layer."""
        for (keys, values), (first_keys, first_values) in zip(self.layers, prefix, strict=True):
            self.filled = first_keys.shape[2]
            keys[:, :, : self.filled] = first_keys
            values[:, :, : self.filled] = first_values

    def extend(self, count: int) -> None:
        """Let the next forward pass fill `count` slots."""
        self._places = slice(self.filled, self.filled + count)
        self.filled += count
        self._visible = self.filled

    def fill(self, places: Tensor) -> None:
        """Let forward passes fill the slots that `places` (L,) names when they run, and read every slot."""
        self._places, self._visible = places, self.slots

    def update(self, keys: Tensor, values: Tensor, layer: int) -> None:
        """Store a layer's new keys and values, (B, H, L, Dh)."""
        for stored, new in zip(self.layers[layer], (keys, values), strict=True):
            stored[:, :, self._places] = new

    def stored(self, layer: int) -> tuple[Tensor, Tensor]:
        """A layer's keys and values, (B, H, K, Dh) each, as far as attention sees them."""
        keys, values = self.layers[layer]
        return keys[:, :, : self._visible], values[:, :, : self._visible]

    def copy(self) -> Layers:
        """What is stored now, in memory of its own."""
        return [(k[:, :, : self.filled].clone(), v[:, :, : self.filled].clone()) for k, v in self.layers]

    def keep(self, rows: Tensor, slots: int) -> None:
        """Go on with these rows alone, (B',) indices, and with room for at least `slots` slots."""
        filled, slots = self.filled, self._rounded(slots)
        for layer, stored in enumerate(self.layers):
            kept = [part[rows, :, :filled] for part in stored]
            keys, values = self._view(2 * layer, len(rows), slots), self._view(2 * layer + 1, len(rows), slots)
            keys[:, :, :filled], values[:, :, :filled] = kept
            self.layers[layer] = keys, values
        self.rows, self.slots = len(rows), slots

    def _rounded(self, slots: int) -> int:
        return -(-slots // self._grain) * self._grain

    def _view(self, at: int, rows: int, slots: int) -> Tensor:
        needed = rows * self._heads * slots * self._width
        if self._buffers[at].numel() < needed:
            self._buffers[at] = self._buffers[at].new_zeros(needed)  # no NaN: a mask does not hide it
        return self._buffers[at][:needed].view(rows, self._heads, slots, self._width)
