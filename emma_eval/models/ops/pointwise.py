"""What layers do beside matrix products and attention: rotary positions, the gate of the MLP, CLIP's activation.

On a GPU each is one Triton kernel, which reads its operands once; PyTorch's own operations pass over memory up to five
times, a tenth of a prefill. Elsewhere, or without Triton, they are PyTorch's.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn.functional import silu


def rotate(heads: Tensor, turns: Tensor) -> Tensor:
    """Rotary positions: pairs (2i, 2i + 1) of heads (B, L, H, Dh) as complex numbers, times turns (B, L, 1, Dh / 2).

    Computed in float32. On a GPU `heads` is overwritten.
    """
    if can_rotate(heads):
        from emma_eval.models.ops.triton_kernels import rotate_in_place

        return rotate_in_place(heads, turns)
    pairs = torch.view_as_complex(heads.float().view(*heads.shape[:3], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(3).to(heads.dtype)


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up of gate and up side by side: (B, L, 2 F), overwritten -> (B, L, F)."""
    if has_kernels(gate_up.device.type):
        from emma_eval.models.ops.triton_kernels import swiglu as fused

        return fused(gate_up)
    gate, up = gate_up.chunk(2, dim=-1)
    return silu(gate, inplace=True).mul_(up)


def quick_gelu(inputs: Tensor) -> Tensor:
    """GELU as OpenAI's CLIP has it: x sigmoid(1.702 x). On a GPU `inputs` is overwritten."""
    if has_kernels(inputs.device.type):
        from emma_eval.models.ops.triton_kernels import quick_gelu as fused

        return fused(inputs)
    return torch.sigmoid_(1.702 * inputs).mul_(inputs)


def can_rotate(heads: Tensor) -> bool:
    """Whether there is a kernel for heads (B, L, H, Dh) on their device: it wants a width that is a power of two."""
    return has_kernels(heads.device.type) and heads.shape[3].bit_count() == 1


@cache
def has_kernels(device: str) -> bool:
    """Whether there are Triton kernels for a kind of device: Triton needs a C compiler to start them."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    return device == "cuda" and find_spec("triton") is not None and compiler is not None
