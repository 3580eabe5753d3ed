"""Attention of LLaMA and CLIP: the fused kernel of PyTorch, and the weights apart for whoever asks to see them."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

MAX_SMALL_SLOTS = 160  # up to here products of their own are 1.1 to 2.2 times as fast on two cores, beyond it slower


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, is_causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(Dh) + mask) v: q (B, H, L, Dh), k and v (B, Hkv, K, Dh) -> (B, L, H Dh).

    `mask` (B, 1, L, K) is added to the scores. `is_causal` counts only where there is no mask; the queries are then
    the last L of the K positions.
    """
    if k.shape[1] < q.shape[1]:  # grouped queries: H / Hkv heads share a key
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    causal = is_causal and mask is None
    if not causal and _is_many_small(q, k):
        return _attention_in_products(q, k, v, mask)
    if causal and 1 < q.shape[2] < k.shape[2]:
        from torch.nn.attention.bias import causal_lower_right  # imports for a second; only a GPU comes here

        mask = cast(Tensor, causal_lower_right(q.shape[2], k.shape[2]))  # flash kernels know this one
    square = causal and q.shape[2] == k.shape[2]  # a single query sees every key: no mask at all
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=square)  # (B, H, L, Dh)
    return out.transpose(1, 2).flatten(2)


def _is_many_small(q: Tensor, k: Tensor) -> bool:
    """Whether it is many small problems for a CPU: the fused kernel's products then hinder each other's threads."""
    on_cpu = q.device.type == "cpu" and q.dtype == torch.float32
    return on_cpu and len(q) > 1 and k.shape[2] <= MAX_SMALL_SLOTS


def _attention_in_products(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """What `attention` computes, by two batched products and a softmax; the weights take memory."""
    (rows, heads, length, head_dim), slots, scale = q.shape, k.shape[2], q.shape[3] ** -0.5
    queries, keys, values = (part.flatten(0, 1) for part in (q, k, v))  # (B H, L or K, Dh)
    if mask is None:
        scores = torch.baddbmm(queries.new_empty(1), queries, keys.mT, beta=0, alpha=scale)  # (B H, L, K)
    else:
        copied = mask.expand(rows, heads, length, slots).clone(memory_format=torch.contiguous_format)
        scores = copied.flatten(0, 1).baddbmm_(queries, keys.mT, alpha=scale)
    out = torch.bmm(scores.softmax(dim=-1), values)  # (B H, L, Dh)
    return out.view(rows, heads, length, head_dim).transpose(1, 2).flatten(2)


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None, *, is_causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(Dh) + mask), the weights that `attention` applies to the values: (B, H, L, K).

    Computed in float32, in memory that grows with L K: for analysis, never on the way to an answer.
    """
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    scores = q.float() @ k.float().mT / math.sqrt(q.shape[3])  # (B, H, L, K)
    if mask is not None:
        scores = scores + mask
    elif is_causal:
        length, keys = scores.shape[2:]
        visible = torch.ones(length, keys, dtype=torch.bool, device=q.device).tril(keys - length)
        scores = scores.masked_fill(~visible, -torch.inf)
    return scores.softmax(dim=-1).to(q.dtype)
