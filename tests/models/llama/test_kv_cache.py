"""The KV cache: buffers stay where they are if they can, and nothing of an earlier batch is left in free slots."""

from __future__ import annotations

import weakref

import pytest
import torch

from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.kv_cache import KVCache

CONFIG = LlamaConfig(vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=3, num_attention_heads=2)
CPU = torch.device("cpu")


def new_cache() -> KVCache:
    return KVCache(CONFIG, torch.float32, CPU)


def test_buffers_that_are_large_enough_stay_where_they_are() -> None:
    cache = new_cache()
    cache.allocate(4, 10)
    generation, addresses = cache.generation, [keys.data_ptr() for keys, _ in cache.layers]
    cache.allocate(2, 20)
    cache.allocate(4, 10)
    assert ([keys.data_ptr() for keys, _ in cache.layers], cache.generation) == (addresses, generation)
    cache.allocate(9, 10)
    assert cache.generation > generation


def test_old_buffers_are_freed_before_larger_ones_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = new_cache()
    cache.allocate(2, 10)
    old = [weakref.ref(part.untyped_storage()) for layer in cache.layers for part in layer]
    make = torch.Tensor.new_empty
    alive = []

    def watched(self: torch.Tensor, *size: int) -> torch.Tensor:
        alive.append(sum(one() is not None for one in old))
        return make(self, *size)

    monkeypatch.setattr(torch.Tensor, "new_empty", watched)
    cache.allocate(20, 10)
    assert alive == [0] * 6


def test_every_new_buffer_counts_even_if_there_is_no_room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A captured step knows the addresses of all layers, not of the first alone."""
    cache = new_cache()
    cache.allocate(2, 10)
    make, room = torch.Tensor.new_empty, iter([True, True, False])

    def crowded(self: torch.Tensor, *size: int) -> torch.Tensor:
        if not next(room, True):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return make(self, *size)

    monkeypatch.setattr(torch.Tensor, "new_empty", crowded)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        cache.allocate(20, 10)
    between = cache.generation
    cache.allocate(2, 10)
    assert cache.generation > between


def test_free_slots_hold_no_nan_of_an_earlier_batch() -> None:
    cache = new_cache()
    cache.allocate(2, 10)
    for keys, values in cache.layers:
        keys.fill_(torch.nan)
        values.fill_(torch.nan)
    cache.allocate(2, 10)
    cache.advance(4)
    cache.zero_free_slots()
    for part in (part for layer in cache.layers for part in layer):
        assert part[:, :, :4].isnan().all()  # prefill overwrites these
        assert not part[:, :, 4:].any()
