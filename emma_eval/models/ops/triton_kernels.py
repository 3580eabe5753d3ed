"""Triton kernels of `pointwise`: one pass over memory each, arithmetic in float32, one rounding at the end."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 2048  # columns of the MLP that a program takes


def rotate_in_place(heads: Tensor, turns: Tensor) -> Tensor:
    """Rotate heads (B, L, H, Dh), overwritten, by turns (B, L, 1, Dh / 2), complex.

    The heads of a token are one run of memory; Dh is a power of two.
    """
    _rotate_into(heads, turns, heads)
    return heads


def store(keys_values: Tensor, turns: Tensor, keys: Tensor, values: Tensor) -> None:
    """Keys and values side by side, (B, L, 2 H, Dh), to keys, rotated, and values: views (B, H, L, Dh) of a cache."""
    new_keys, new_values = keys_values.chunk(2, dim=2)
    _rotate_into(new_keys, turns, keys.transpose(1, 2))
    _rotate_into(new_values, None, values.transpose(1, 2))


def quick_gelu(inputs: Tensor) -> Tensor:
    """GELU as x sigmoid(1.702 x), overwriting x, which is one run of memory."""
    count = inputs.numel()
    _quick_gelu[(triton.cdiv(count, BLOCK),)](inputs, count, BLOCK)
    return inputs


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up: (B, L, 2 F) -> (B, L, F)."""
    width = gate_up.shape[-1] // 2
    out = torch.empty(*gate_up.shape[:-1], width, dtype=gate_up.dtype, device=gate_up.device)
    _swiglu[(out.numel() // width, triton.cdiv(width, BLOCK))](gate_up.contiguous(), out, width, BLOCK)
    return out


def _rotate_into(heads: Tensor, turns: Tensor | None, out: Tensor) -> None:
    """(B, L, H, Dh) rotated, or as it is without turns, to a view of that shape."""
    rows, length, count, width = heads.shape
    assert heads.stride()[2:] == (width, 1), "the heads of a token are one run of memory"
    angles = heads if turns is None else torch.view_as_real(turns).contiguous()
    _rotate[(rows * length,)](
        heads,
        angles,
        out,
        length,
        heads.stride(0),
        heads.stride(1),
        *out.stride()[:3],
        count,
        HEADS=triton.next_power_of_2(count),
        WIDTH=width,
        TURN=turns is not None,
    )


@triton.jit
def _rotate(
    heads, turns, out, length, row, token, out_row, out_token, out_head, count,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, TURN: tl.constexpr,
):  # fmt: skip
    number = tl.program_id(0).to(tl.int64)
    b, t = number // length, number % length
    head, place = tl.arange(0, HEADS)[:, None], tl.arange(0, WIDTH)[None, :]
    values = tl.load(heads + b * row + t * token + head * WIDTH + place, mask=head < count)
    if TURN:
        real, imaginary = tl.split(tl.reshape(values.to(tl.float32), (HEADS, WIDTH // 2, 2)))
        angle = turns + number * WIDTH + 2 * tl.arange(0, WIDTH // 2)[None, :]
        cos, sin = tl.load(angle), tl.load(angle + 1)
        turned = tl.join(real * cos - imaginary * sin, real * sin + imaginary * cos)
        values = tl.reshape(turned, (HEADS, WIDTH)).to(values.dtype)
    tl.store(out + b * out_row + t * out_token + head * out_head + place, values, mask=head < count)


@triton.jit
def _quick_gelu(inputs, count, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(inputs + place, mask=place < count)
    x = values.to(tl.float32)
    tl.store(inputs + place, (x * tl.sigmoid(1.702 * x)).to(values.dtype), mask=place < count)


@triton.jit
def _swiglu(gate_up, out, width, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = column < width
    gate = tl.load(gate_up + token * 2 * width + column, mask=known).to(tl.float32)
    up = tl.load(gate_up + token * 2 * width + width + column, mask=known).to(tl.float32)
    tl.store(out + token * width + column, gate * tl.sigmoid(gate) * up, mask=known)
