"""LLaMA's attention as transformers calls it: its own SDPA, but causal from the end when a beginning was read before.

Without a mask transformers aligns queries with the first keys. Behind a prefix they are the last ones; PyTorch has a
bias for that which keeps its flash kernels.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "sdpa_behind_prefix"


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Queries (B, H, L, Dh), keys and values (B, H', K, Dh), an additive mask or None for causal -> (B, L, H, Dh)."""
    if attention_mask is None and 1 < query.shape[2] < key.shape[2]:
        attention_mask = causal_lower_right(query.shape[2], key.shape[2])
    output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    return output, None


AttentionInterface.register(NAME, attend)
