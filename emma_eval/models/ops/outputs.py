"""What a transformer's forward pass returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class TransformerOutput(NamedTuple):
    """The last hidden state, and on request what led to it. Named and ordered as in transformers."""

    last_hidden_state: Tensor  # (B, L, D)
    hidden_states: tuple[Tensor, ...] = ()  # the embeddings and each layer's output: num_layers + 1, (B, L, D) each
    attentions: tuple[Tensor, ...] = ()  # each layer's attention weights: num_layers, (B, H, L, K) each
