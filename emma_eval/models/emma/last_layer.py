"""LLaMA up to the ends of its prompts: the last layer computes keys and values of all tokens, but goes on with few.

Nobody reads what the last layer makes of a token that is not the end of a prompt: its queries, attention and MLP, most
of a layer's work, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from emma_eval.models.emma.key_values import KeyValues


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prefill reads: B rows of L tokens, of which Q a row are ends, behind what is in memory; K slots in all."""

    embeds: Tensor  # (B, L, D)
    positions: Tensor  # (B, L)
    mask: Tensor | None  # (B, 1, L, K), what attention adds; None: causal
    ends: Tensor  # (B, Q) slots
    mask_of_ends: Tensor  # (B, 1, Q, K)


def read_to_ends(llama: LlamaForCausalLM, memory: KeyValues, reading: Reading) -> Tensor:
    """The last hidden states (B, Q, D) at the ends."""
    model: Any = llama.model
    hidden = reading.embeds
    angles = model.rotary_emb(hidden, position_ids=reading.positions)  # cosines and sines, (B, L, Dh) each
    *layers, last = model.layers
    for layer in layers:
        hidden = layer(hidden, attention_mask=reading.mask, position_embeddings=angles, past_key_values=memory)
    _store(memory, last, hidden, angles)
    hidden, *angles = (_at(reading.ends, values) for values in (hidden, *angles))
    looking = Looking(memory)
    hidden = last(hidden, attention_mask=reading.mask_of_ends, position_embeddings=angles, past_key_values=looking)
    return cast(Tensor, model.norm(hidden))


class Looking:
    """Keys and values that are in memory already: what a layer computes of them again is passed over."""

    def __init__(self, memory: KeyValues) -> None:
        self._memory = memory

    def update(self, keys: Tensor, values: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """See KeyValues."""
        return self._memory.stored(layer)


def _store(memory: KeyValues, layer: Any, hidden: Tensor, angles: tuple[Tensor, Tensor]) -> None:
    attention = layer.self_attn
    normed = layer.input_layernorm(hidden)
    shape = (*hidden.shape[:2], -1, attention.head_dim)
    keys, values = (part(normed).view(shape).transpose(1, 2) for part in (attention.k_proj, attention.v_proj))
    _, keys = apply_rotary_pos_emb(keys[:, :0], keys, *angles)
    memory.update(keys, values, attention.layer_idx)


def _at(slots: Tensor, values: Tensor) -> Tensor:
    """(B, L, D) at slots (B, Q): (B, Q, D)."""
    return values.gather(1, slots[:, :, None].expand(-1, -1, values.shape[2]))
