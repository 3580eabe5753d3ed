"""Attention against its formula, whichever kernel computes it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from emma_eval.models.ops.attention import MAX_SMALL_SLOTS, attention

ATOL = 2e-6


def formula(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k^T / sqrt(Dh) + mask) v in float64, query heads in groups that share a key."""
    groups = q.shape[1] // k.shape[1]
    q, k, v = (part.double() for part in (q, k, v))
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = torch.einsum("bhld,bhkd->bhlk", q, k) / math.sqrt(q.shape[3])
    weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
    return torch.einsum("bhlk,bhkd->blhd", weights, v).flatten(2).float()


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("slots", [7, MAX_SMALL_SLOTS, MAX_SMALL_SLOTS + 1])
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("masked", [True, False])
def test_it_is_the_formula_of_few_and_of_many_slots(rows: int, slots: int, kv_heads: int, masked: bool):
    q = torch.randn(rows, 6, 4, 8).transpose(1, 2)  # as a projection gives them
    k, v = (torch.randn(rows, kv_heads, slots + 3, 8)[:, :, :slots] for _ in range(2))  # as the cache holds them
    mask = None
    if masked:
        hidden = torch.rand(rows, 1, 6, slots) < 0.5
        hidden[..., 0] = False
        mask = torch.zeros(hidden.shape).masked_fill_(hidden, -torch.inf)
    kept = [None if part is None else part.clone() for part in (q, k, v, mask)]
    with torch.inference_mode():
        torch.testing.assert_close(attention(q, k, v, mask), formula(q, k, v, mask), atol=ATOL, rtol=0)
    for part, before in zip((q, k, v, mask), kept, strict=True):
        assert part is None or torch.equal(part, before)  # no operand is written to


@pytest.mark.parametrize("rows", [1, 3])
def test_causal_tokens_see_what_is_before_them(rows: int):
    q, k, v = (torch.randn(rows, 2, 9, 4) for _ in range(3))
    mask = torch.full((9, 9), -torch.inf).triu_(1)
    torch.testing.assert_close(attention(q, k, v, is_causal=True), formula(q, k, v, mask), atol=ATOL, rtol=0)
