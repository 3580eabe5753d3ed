"""The KV cache: keys and values of a batch, in buffers that every batch uses again.

One buffer a layer and kind holds the batch as (rows, heads, slots, head dimension), so that a batch of the same shape
always has the same addresses, on which a captured decoding step relies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.ops.pointwise import apply_rotary_emb, has_rotary_kernel

SLOT_MULTIPLE = 16  # on a GPU slots are a multiple of it: fewer shapes to capture, and aligned masks
SPARE_FRACTION = 1 / 8  # a new buffer is larger by this: batches of one size differ that much

LayerKV = Sequence[tuple[Tensor, Tensor]]  # for each layer its keys and its values: (B, Hkv, K, Dh) each


class KVCache:
    """Keys and values by row and slot. The slots from `length` on are free.

    A forward pass calls `update` once a layer; which slots that fills was said before by `advance` (the next free ones)
    or by `set_write_slots` (those that a tensor names, for a captured graph).
    """

    def __init__(self, config: LlamaConfig, dtype: torch.dtype, device: torch.device) -> None:
        self._num_heads, self._head_dim = config.num_key_value_heads, config.head_dim
        self._empty = torch.empty(0, dtype=dtype, device=device)
        self._buffers = [self._empty] * (2 * config.num_hidden_layers)  # layer 0's keys and values, layer 1's, ...
        self._slot_multiple = SLOT_MULTIPLE if device.type == "cuda" else 1
        self._write_slots: slice | Tensor = slice(0)  # the slots that `update` fills
        self._num_visible = 0  # attention reads the first so many slots
        self.layers: list[tuple[Tensor, Tensor]] = []  # keys and values, views of the buffers: (B, Hkv, K, Dh) each
        self.num_rows = self.num_slots = self.length = 0
        self.generation = 0  # counts new buffers: addresses noted at a lower count are out of date

    def allocate(self, num_rows: int, num_slots: int, prefix: LayerKV = ()) -> None:
        """Begin a new batch of at least so many slots a row; what the last one held is lost.

        Every row begins with a copy of `prefix`, (1, Hkv, S, Dh) a layer, computed before.
        """
        num_slots = self._rounded_up(num_slots)
        self.layers = []
        if any(buffer.numel() < self._numel(num_rows, num_slots) for buffer in self._buffers):
            self._buffers = [self._empty] * len(self._buffers)  # freed first: old and new together might not fit
        views = [self._buffer_view(index, num_rows, num_slots) for index in range(len(self._buffers))]
        self.layers = list(zip(views[::2], views[1::2], strict=True))
        self.num_rows, self.num_slots, self.length = num_rows, num_slots, 0
        for (keys, values), (prefix_keys, prefix_values) in zip(self.layers, prefix, strict=bool(prefix)):
            self.length = prefix_keys.shape[2]
            keys[:, :, : self.length] = prefix_keys
            values[:, :, : self.length] = prefix_values

    def zero_free_slots(self) -> None:
        """Write zeros to the free slots: a mask does not hide NaN that an earlier batch may have left there."""
        for keys, values in self.layers:
            keys[:, :, self.length :] = 0
            values[:, :, self.length :] = 0

    def advance(self, count: int) -> None:
        """Let the next forward pass fill the next `count` slots, and attention read up to them."""
        self._write_slots = slice(self.length, self.length + count)
        self.length += count
        self._num_visible = self.length

    def set_write_slots(self, slots: Tensor) -> None:
        """Let forward passes fill the slots that `slots` (L,) holds when they run, and attention read every slot."""
        self._write_slots, self._num_visible = slots, self.num_slots

    def update(self, kv: Tensor, freqs_cis: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values (B, L, 2 Hkv, Dh), keys first and not yet rotated; see `view`."""
        if isinstance(self._write_slots, slice) and has_rotary_kernel(kv):
            from emma_eval.models.ops.triton_kernels import write_kv

            write_kv(kv, freqs_cis, *(part[:, :, self._write_slots] for part in self.layers[layer]))
        else:
            keys, values = kv.chunk(2, dim=2)
            for stored, new in zip(self.layers[layer], (apply_rotary_emb(keys, freqs_cis), values), strict=True):
                stored[:, :, self._write_slots] = new.transpose(1, 2)
        return self.view(layer)

    def view(self, layer: int) -> tuple[Tensor, Tensor]:
        """A layer's keys and values that attention reads: (B, Hkv, K, Dh) each."""
        keys, values = self.layers[layer]
        return keys[:, :, : self._num_visible], values[:, :, : self._num_visible]

    def copy(self) -> LayerKV:
        """A copy of the filled slots."""
        return [
            (keys[:, :, : self.length].clone(), values[:, :, : self.length].clone()) for keys, values in self.layers
        ]

    def select_rows(self, rows: Sequence[int]) -> None:
        """Keep these rows alone, ascending. Each moves up within its buffer, to where no wanted row is."""
        parts = [part for layer in self.layers for part in layer]
        if self._empty.is_cuda:  # a row at a time, all layers in one launch: a second copy might be gigabytes
            by_row = list(zip(*(part.unbind() for part in parts), strict=True))
            for target, row in enumerate(rows):
                if target != row:
                    torch._foreach_copy_(by_row[target], by_row[row])
        else:
            index = torch.tensor(rows)
            for part in parts:
                part[: len(rows), :, : self.length] = part[index, :, : self.length]
        self.num_rows = len(rows)
        self.layers = [(keys[: self.num_rows], values[: self.num_rows]) for keys, values in self.layers]

    def grow(self, num_slots: int) -> None:
        """Make room for at least `num_slots` slots a row, keeping the filled ones."""
        num_slots = self._rounded_up(num_slots)
        for layer, stored in enumerate(self.layers):
            kept = [part[:, :, : self.length].clone() for part in stored]
            keys, values = (self._buffer_view(2 * layer + kind, self.num_rows, num_slots) for kind in (0, 1))
            keys[:, :, : self.length], values[:, :, : self.length] = kept
            self.layers[layer] = keys, values
        self.num_slots = num_slots
        self.zero_free_slots()

    def _rounded_up(self, num_slots: int) -> int:
        return -(-num_slots // self._slot_multiple) * self._slot_multiple

    def _numel(self, num_rows: int, num_slots: int) -> int:
        return num_rows * self._num_heads * num_slots * self._head_dim

    def _buffer_view(self, index: int, num_rows: int, num_slots: int) -> Tensor:
        """(rows, heads, slots, head dimension) of a buffer, which is made anew if it is too small."""
        needed = self._numel(num_rows, num_slots)
        if self._buffers[index].numel() < needed:
            self.generation += 1
            self._buffers[index] = self._empty.new_empty(needed + int(needed * SPARE_FRACTION))
        return self._buffers[index][:needed].view(num_rows, self._num_heads, num_slots, self._head_dim)
