"""LLaMA, as "LLaMA: Open and Efficient Foundation Language Models" and its published code define it.

K and V are one fused projection, gate and up another. In the shapes below B is the batch, L the new tokens of a row,
K the slots that attention reads, D the hidden size, H the query heads, Hkv the key heads, Dh the head dimension, F the
MLP's width, V the vocabulary. Every projection is called as a module and nothing it returns is overwritten: forward
hooks see true values, and a replaced projection (LoRA, quantised) is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.kv_cache import KVCache
from emma_eval.models.llama.modality import ByModality, Modalities, by_modality
from emma_eval.models.ops.attention import attention, attention_weights
from emma_eval.models.ops.linear import Linear
from emma_eval.models.ops.outputs import TransformerOutput
from emma_eval.models.ops.pointwise import apply_rotary_emb, swiglu


@dataclass(frozen=True, slots=True)
class ForwardInputs:
    """B rows of L new tokens, behind what the KV cache holds already; K slots in all."""

    embeds: Tensor  # (B, L, D)
    positions: Tensor  # (B, L) int64
    mask: Tensor | None = None  # (B, 1, L, K), added to the attention scores; None: causal
    last_positions: Tensor | None = None  # (B, Q) which of the L tokens leave the last layer; None: all
    last_mask: Tensor | None = None  # (B, 1, Q, K), the mask of these
    modalities: Modalities | None = None  # of the L tokens, for a model that adapts to them; None: all are text
    last_modalities: Modalities | None = None  # of the Q tokens


class Llama(nn.Module):
    """Token embeddings, layers, final norm; `lm_head` is for the caller, who needs logits at few positions.

    What a token sees is the caller's mask: `sliding_window` is for the caller, too.
    """

    sliding_window: int | None = None  # how many tokens a token sees, itself included; None: all before it

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(LlamaLayer(config, index) for index in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the embeddings and of all hidden states."""
        return self.embed_tokens.weight.dtype

    def forward(
        self,
        inputs: ForwardInputs,
        kv_cache: KVCache | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> TransformerOutput:
        """Hidden states after the final norm: (B, L, D), or (B, Q, D) where `last_positions` are given.

        New keys and values are written to `kv_cache`; without one the L tokens see only each other. Only the tokens at
        `last_positions` pass the last layer whole: of the others it needs keys and values alone. As in transformers
        `hidden_states` are the embeddings, the output of every layer but the last, and the result after the norm.
        """
        x = inputs.embeds  # (B, L, D)
        freqs_cis = self.freqs_cis(inputs.positions)  # (B, L, 1, Dh / 2)
        every_position = replace(inputs, last_positions=None, last_mask=None, last_modalities=None)
        hidden_states, attentions, last_layer = [x], [], self.layers[-1]
        for layer in self.layers:
            layer_inputs = inputs if layer is last_layer else every_position
            x, weights = layer(x, freqs_cis, layer_inputs, kv_cache, output_attentions)
            if output_hidden_states:
                hidden_states.append(x)
            if output_attentions:
                attentions.append(weights)
        x = self.norm(x)
        return TransformerOutput(x, (*hidden_states[:-1], x) if output_hidden_states else (), tuple(attentions))

    def freqs_cis(self, positions: Tensor) -> Tensor:
        """Rotary embeddings e^(i m theta_j) of positions m (B, L): (B, L, 1, Dh / 2), complex64."""
        config = self.config
        exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=positions.device)
        frequencies = 1.0 / (config.rope_theta ** (exponents / config.head_dim)) / config.rope_scaling_factor
        angles = positions[:, :, None, None] * frequencies
        return torch.polar(torch.ones_like(angles), angles)


class LlamaLayer(nn.Module):
    """x += Wo attention(norm(x)); x += Wd (silu(Wg norm(x)) * Wu norm(x)), with rotary positions."""

    def __init__(self, config: LlamaConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.head_dim = config.head_dim
        hidden_size, query_size = config.hidden_size, config.num_attention_heads * config.head_dim
        twice = ByModality if config.adapts_to_modality else _once
        self.attention_norm = twice(lambda: nn.RMSNorm(hidden_size, config.rms_norm_eps))
        self.q_proj = Linear(hidden_size, query_size, bias=False)
        kv_size = 2 * config.num_key_value_heads * config.head_dim
        self.kv_proj = twice(lambda: Linear(hidden_size, kv_size, bias=False))
        self.o_proj = Linear(query_size, hidden_size, bias=False)
        self.mlp_norm = twice(lambda: nn.RMSNorm(hidden_size, config.rms_norm_eps))
        self.gate_up_proj = Linear(hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = Linear(config.intermediate_size, hidden_size, bias=False)

    def forward(
        self,
        x: Tensor,
        freqs_cis: Tensor,
        inputs: ForwardInputs,
        kv_cache: KVCache | None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Hidden states x (B, L, D) -> the next ones, and the attention weights (B, H, L, K) if they are asked for.

        Where `inputs` have `last_positions` (B, Q) both are of these tokens alone: Q in place of L.
        """
        mask, last_positions, modalities = inputs.mask, inputs.last_positions, inputs.modalities
        normed = by_modality(self.attention_norm, x, modalities)  # (B, L, D)
        kv = self._split_heads(by_modality(self.kv_proj, normed, modalities))  # (B, L, 2 Hkv, Dh), keys first
        keys, values = kv_cache.update(kv, freqs_cis, self.index) if kv_cache else rotated(kv, freqs_cis)
        if last_positions is not None:
            mask, modalities = inputs.last_mask, inputs.last_modalities
            x, normed, freqs_cis = (take_positions(part, last_positions) for part in (x, normed, freqs_cis))
        queries = self._split_heads(self.q_proj(normed))  # (B, L, H, Dh)
        queries = apply_rotary_emb(queries, freqs_cis).transpose(1, 2)  # (B, H, L, Dh)
        x = x + self.o_proj(attention(queries, keys, values, mask, is_causal=True))  # (B, L, D)
        x = x + self.down_proj(swiglu(self.gate_up_proj(by_modality(self.mlp_norm, x, modalities))))  # (B, L, D)
        return x, attention_weights(queries, keys, mask, is_causal=True) if output_attentions else None

    def _split_heads(self, x: Tensor) -> Tensor:
        """(B, L, H Dh) -> (B, L, H, Dh)."""
        return x.view(*x.shape[:2], -1, self.head_dim)


def _once(build: Callable[[], nn.Module]) -> nn.Module:
    return build()


def rotated(kv: Tensor, freqs_cis: Tensor) -> tuple[Tensor, Tensor]:
    """Keys, with rotary positions, and values of kv (B, L, 2 Hkv, Dh): (B, Hkv, L, Dh) each."""
    keys, values = kv.chunk(2, dim=2)
    return apply_rotary_emb(keys, freqs_cis).transpose(1, 2), values.transpose(1, 2)


def take_positions(x: Tensor, positions: Tensor) -> Tensor:
    """Gather x (B, L, ...) at positions (B, Q): (B, Q, ...)."""
    rows = torch.arange(len(positions), device=positions.device)[:, None]
    return x[rows, positions]
