"""What a layer computes beside matrix products and attention: rotary positions, SwiGLU, CLIP's GELU.

On a GPU each is one Triton kernel, which reads its operands once; PyTorch's own operations pass over memory up to five
times, a tenth of a prefill. Elsewhere, or without Triton, they are PyTorch's. No operand is overwritten, so a forward
hook may keep the tensors that it sees.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn.functional import silu


def apply_rotary_emb(x: Tensor, freqs_cis: Tensor) -> Tensor:
    """Rotary positions: pairs (2i, 2i + 1) of x (B, L, H, Dh) as complex numbers, times freqs_cis (B, L, 1, Dh / 2).

    Computed in float32, returned in the type of `x`.
    """
    if has_rotary_kernel(x):
        from emma_eval.models.ops.triton_kernels import apply_rotary_emb as fused

        return fused(x, freqs_cis)
    pairs = torch.view_as_complex(x.float().view(*x.shape[:3], -1, 2))  # (B, L, H, Dh / 2)
    return torch.view_as_real(pairs * freqs_cis).flatten(3).to(x.dtype)


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up, gate and up side by side: (B, L, 2 F) -> (B, L, F)."""
    if has_kernels(gate_up.device.type):
        from emma_eval.models.ops.triton_kernels import swiglu as fused

        return fused(gate_up)
    gate, up = gate_up.chunk(2, dim=-1)
    return silu(gate).mul_(up)


def quick_gelu(x: Tensor) -> Tensor:
    """GELU as OpenAI's CLIP has it: x sigmoid(1.702 x)."""
    if has_kernels(x.device.type):
        from emma_eval.models.ops.triton_kernels import quick_gelu as fused

        return fused(x)
    return torch.sigmoid_(1.702 * x).mul_(x)


def has_rotary_kernel(x: Tensor) -> bool:
    """Whether the kernel takes x (B, L, H, Dh): it needs a GPU, and a head dimension that is a power of two."""
    return has_kernels(x.device.type) and x.shape[3].bit_count() == 1


@cache
def has_kernels(device: str) -> bool:
    """Whether there are Triton kernels for a kind of device: Triton needs a C compiler to start them."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    return device == "cuda" and find_spec("triton") is not None and compiler is not None
