"""Triton kernels of `pointwise`: one pass over memory each, arithmetic in float32, one rounding at the end."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 2048  # elements that one program computes


def apply_rotary_emb(x: Tensor, freqs_cis: Tensor) -> Tensor:
    """Rotate x (B, L, H, Dh) by freqs_cis (B, L, 1, Dh / 2), complex64."""
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    _rotate_into(x, freqs_cis, out)
    return out


def write_kv(kv: Tensor, freqs_cis: Tensor, keys: Tensor, values: Tensor) -> None:
    """Write a layer's new keys, rotated, and values into views (B, H, L, Dh) of the cache.

    `kv` (B, L, 2 H, Dh) holds the keys and behind them the values, as one projection gives them.
    """
    new_keys, new_values = kv.chunk(2, dim=2)
    _rotate_into(new_keys, freqs_cis, keys.transpose(1, 2))
    _rotate_into(new_values, None, values.transpose(1, 2))


def quick_gelu(x: Tensor) -> Tensor:
    """Compute x sigmoid(1.702 x) for x of any shape."""
    x = x.contiguous()
    out, count = torch.empty_like(x), x.numel()
    _quick_gelu[(triton.cdiv(count, BLOCK),)](x, out, count, BLOCK)
    return out


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up: (B, L, 2 F) -> (B, L, F)."""
    width = gate_up.shape[-1] // 2
    out = torch.empty(*gate_up.shape[:-1], width, dtype=gate_up.dtype, device=gate_up.device)
    _swiglu[(out.numel() // width, triton.cdiv(width, BLOCK))](gate_up.contiguous(), out, width, BLOCK)
    return out


def _rotate_into(x: Tensor, freqs_cis: Tensor | None, out: Tensor) -> None:
    """Write x (B, L, H, Dh), rotated unless there are no frequencies, to a view `out` of that shape."""
    batch, length, heads, head_dim = x.shape
    if x.stride()[2:] != (head_dim, 1):  # of a replaced projection: the kernel reads a token's heads as one run
        x = x.contiguous()
    angles = x if freqs_cis is None else torch.view_as_real(freqs_cis).contiguous()
    _rotate[(batch * length,)](
        x,
        angles,
        out,
        length,
        x.stride(0),
        x.stride(1),
        *out.stride()[:3],
        heads,
        HEADS=triton.next_power_of_2(heads),
        HEAD_DIM=head_dim,
        ROTATE=freqs_cis is not None,
    )


@triton.jit
def _rotate(
    x, angles, out, length, x_row, x_token, out_row, out_token, out_head, heads,
    HEADS: tl.constexpr, HEAD_DIM: tl.constexpr, ROTATE: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0).to(tl.int64)  # one token
    b, t = program // length, program % length
    head, dim = tl.arange(0, HEADS)[:, None], tl.arange(0, HEAD_DIM)[None, :]
    values = tl.load(x + b * x_row + t * x_token + head * HEAD_DIM + dim, mask=head < heads)
    if ROTATE:
        real, imaginary = tl.split(tl.reshape(values.to(tl.float32), (HEADS, HEAD_DIM // 2, 2)))
        angle = angles + program * HEAD_DIM + 2 * tl.arange(0, HEAD_DIM // 2)[None, :]
        cos, sin = tl.load(angle), tl.load(angle + 1)
        rotated = tl.join(real * cos - imaginary * sin, real * sin + imaginary * cos)
        values = tl.reshape(rotated, (HEADS, HEAD_DIM)).to(values.dtype)
    tl.store(out + b * out_row + t * out_token + head * out_head + dim, values, mask=head < heads)


@triton.jit
def _quick_gelu(inputs, out, count, BLOCK: tl.constexpr):
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(inputs + index, mask=index < count)
    x = values.to(tl.float32)
    tl.store(out + index, (x * tl.sigmoid(1.702 * x)).to(values.dtype), mask=index < count)


@triton.jit
def _swiglu(gate_up, out, width, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    gate = tl.load(gate_up + token * 2 * width + column, mask=inside).to(tl.float32)
    up = tl.load(gate_up + token * 2 * width + width + column, mask=inside).to(tl.float32)
    tl.store(out + token * width + column, gate * tl.sigmoid(gate) * up, mask=inside)
