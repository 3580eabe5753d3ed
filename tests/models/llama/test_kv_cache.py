"""The memory of keys and values: what it knows of its own moves, and what an earlier batch leaves behind."""

from __future__ import annotations

import weakref

import pytest
import torch

from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.kv_cache import KeyValues

CONFIG = LlamaConfig(
    vocab_size=9, hidden_size=8, num_layers=3, num_heads=2, num_kv_heads=2, head_dim=4, intermediate_size=8
)
CPU = torch.device("cpu")


def memory() -> KeyValues:
    return KeyValues(CONFIG, torch.float32, CPU)


def test_what_fits_stays_where_it_is() -> None:
    kept = memory()
    kept.open(4, 10)
    moves, places = kept.moves, [keys.data_ptr() for keys, _ in kept.layers]
    kept.open(2, 20)
    kept.open(4, 10)
    assert ([keys.data_ptr() for keys, _ in kept.layers], kept.moves) == (places, moves)
    kept.open(9, 10)
    assert kept.moves > moves


def test_nothing_is_there_twice_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = memory()
    kept.open(2, 10)
    old = [weakref.ref(part.untyped_storage()) for layer in kept.layers for part in layer]
    make = torch.Tensor.new_empty
    alive = []

    def watched(self: torch.Tensor, *size: int) -> torch.Tensor:
        alive.append(sum(one() is not None for one in old))
        return make(self, *size)

    monkeypatch.setattr(torch.Tensor, "new_empty", watched)
    kept.open(20, 10)
    assert alive == [0] * 6


def test_every_buffer_made_anew_is_a_move_even_if_there_is_no_room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded step knows the addresses of all layers, not of the first alone."""
    kept = memory()
    kept.open(2, 10)
    make, room = torch.Tensor.new_empty, iter([True, True, False])

    def crowded(self: torch.Tensor, *size: int) -> torch.Tensor:
        if not next(room, True):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return make(self, *size)

    monkeypatch.setattr(torch.Tensor, "new_empty", crowded)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        kept.open(20, 10)
    between = kept.moves
    kept.open(2, 10)
    assert kept.moves > between


def test_free_slots_hold_no_nan_of_an_earlier_batch() -> None:
    kept = memory()
    kept.open(2, 10)
    for keys, values in kept.layers:
        keys.fill_(torch.nan)
        values.fill_(torch.nan)
    kept.open(2, 10)
    kept.extend(4)
    kept.clear(kept.filled)
    for part in (part for layer in kept.layers for part in layer):
        assert part[:, :, :4].isnan().all()  # prefill overwrites these
        assert not part[:, :, 4:].any()
