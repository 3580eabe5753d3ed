"""LLaMA, as "LLaMA: Open and Efficient Foundation Language Models" and its published code define it.

What is multiplied by the same tokens is one matrix: keys and values; the MLP's gate and up. Only the ends of prompts
are taken through the whole of the last layer: of the other tokens nobody reads more than keys and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.kv_cache import KeyValues
from emma_eval.models.ops.pointwise import rotate, swiglu


@dataclass(frozen=True, slots=True)
class Reading:
    """What a forward pass reads: B rows of L tokens behind what is in memory; K slots in all, Q ends a row."""

    embeds: Tensor  # (B, L, D), overwritten
    positions: Tensor  # (B, L)
    mask: Tensor | None  # (B, 1, L, K), what attention adds; None: causal
    ends: Tensor | None = None  # (B, Q) slots of this pass; None: every token is an end
    mask_of_ends: Tensor | None = None  # (B, 1, Q, K)


class Llama(nn.Module):
    """Token embeddings, layers, the last norm and the output head."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, index) for index in range(config.num_layers))
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.embed_tokens.weight.dtype

    def embed(self, ids: Tensor) -> Tensor:
        """Ids (...) -> (..., D)."""
        return cast(Tensor, self.embed_tokens(ids))

    def forward(self, reading: Reading, memory: KeyValues) -> Tensor:
        """The last hidden states at the ends, (B, Q, D). Keys and values go to `memory`."""
        hidden = reading.embeds
        turns = self.turns(reading.positions)
        *layers, last = self.layers
        for layer in layers:
            hidden = layer(hidden, turns, reading.mask, memory)
        if reading.ends is None:
            hidden = last(hidden, turns, reading.mask, memory)
        else:
            hidden = last(hidden, turns, reading.mask_of_ends, memory, reading.ends)
        return cast(Tensor, self.norm(hidden))

    def turns(self, positions: Tensor) -> Tensor:
        """The rotations of positions (B, L), a complex number a pair of a head's dimensions: (B, L, 1, Dh / 2)."""
        config = self.config
        exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=positions.device)
        frequencies = 1.0 / (config.rope_theta ** (exponents / config.head_dim)) / config.rope_scaling_factor
        angles = positions[:, :, None, None] * frequencies
        return torch.polar(torch.ones_like(angles), angles)


class Layer(nn.Module):
    """x += Wo attention(norm(x)); x += Wd (silu(Wg norm(x)) * Wu norm(x)), with rotary positions."""

    def __init__(self, config: LlamaConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.head_dim = config.head_dim
        width, attention = config.hidden_size, config.num_heads * config.head_dim
        self.attention_norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.q_proj = nn.Linear(width, attention, bias=False)
        self.kv_proj = nn.Linear(width, 2 * config.num_kv_heads * config.head_dim, bias=False)
        self.o_proj = nn.Linear(attention, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.gate_up_proj = nn.Linear(width, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, width, bias=False)

    def forward(
        self, hidden: Tensor, turns: Tensor, mask: Tensor | None, memory: KeyValues, ends: Tensor | None = None
    ) -> Tensor:
        """Hidden states (B, L, D), overwritten -> the next layer's; at `ends` (B, Q) alone, where given."""
        normed = self.attention_norm(hidden)
        memory.update(self._heads(self.kv_proj(normed)), turns, self.index)
        if ends is not None:
            hidden, normed, turns = (_at(ends, part) for part in (hidden, normed, turns))
        queries = rotate(self._heads(self.q_proj(normed)), turns).transpose(1, 2)
        hidden = _add_product(hidden, attend(queries, *memory.stored(self.index), mask), self.o_proj)
        return _add_product(hidden, swiglu(self.gate_up_proj(self.mlp_norm(hidden))), self.down_proj)

    def _heads(self, products: Tensor) -> Tensor:
        """(B, L, H Dh) -> (B, L, H, Dh)."""
        return products.view(*products.shape[:2], -1, self.head_dim)


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Queries (B, H, L, Dh), keys and values (B, Hkv, K, Dh) -> (B, L, H Dh).

    `mask` (B, 1, L, K) is added to the scores. Without one attention is causal, the queries being the last L of K.
    """
    if keys.shape[1] < queries.shape[1]:
        groups = queries.shape[1] // keys.shape[1]
        keys, values = keys.repeat_interleave(groups, dim=1), values.repeat_interleave(groups, dim=1)
    causal = mask is None and queries.shape[2] == keys.shape[2]
    if mask is None and 1 < queries.shape[2] < keys.shape[2]:
        from torch.nn.attention.bias import causal_lower_right  # takes a second to import, for a GPU alone

        mask = cast(Tensor, causal_lower_right(queries.shape[2], keys.shape[2]))  # flash kernels know this one
    out = scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)
    return out.transpose(1, 2).flatten(2)


def _add_product(hidden: Tensor, inputs: Tensor, weights: nn.Linear) -> Tensor:
    """Hidden (B, L, D) += inputs (B, L, F) @ W, in one pass over hidden."""
    hidden.view(-1, hidden.shape[2]).addmm_(inputs.flatten(0, 1), weights.weight.T)
    return hidden


def _at(slots: Tensor, values: Tensor) -> Tensor:
    """Values (B, L, ...) at slots (B, Q): (B, Q, ...)."""
    rows = torch.arange(len(slots), device=slots.device)[:, None]
    return values[rows, slots]
