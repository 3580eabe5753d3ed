"""The Triton kernels compute what PyTorch's operations do; here by Triton's interpreter, on a GPU as compiled."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from emma_eval.models.ops.pointwise import apply_rotary_emb, has_kernels, quick_gelu, swiglu

pytest.importorskip("triton")

CHECK = """
import torch
from torch.nn.functional import silu
from emma_eval.models.ops.triton_kernels import apply_rotary_emb, quick_gelu, swiglu, write_kv

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
for dtype, tolerance in ((torch.float32, 1e-6), (torch.bfloat16, 1e-2)):
    for heads, width in ((3, 16), (4, 32)):  # a count of heads that is no power of two
        both = torch.randn(2, 5, 2 * heads, width, device=DEVICE).to(dtype)
        ours, theirs = both.chunk(2, dim=2)[0], both.clone().chunk(2, dim=2)[0]  # strided, as keys are
        untouched = both[:, :, heads:].clone()
        angles = torch.randn(2, 5, 1, width // 2, device=DEVICE)
        freqs_cis = torch.polar(torch.ones_like(angles), angles)
        pairs = torch.view_as_complex(theirs.float().view(2, 5, heads, -1, 2)) * freqs_cis
        expected = torch.view_as_real(pairs).flatten(3).to(dtype)
        torch.testing.assert_close(apply_rotary_emb(ours, freqs_cis), expected, rtol=tolerance, atol=tolerance)
        assert torch.equal(both[:, :, heads:], untouched)
        cache = torch.zeros(2, 2, heads, 9, width, dtype=dtype, device=DEVICE)  # keys, values; slots 2 to 6 are filled
        keys, values = cache[:, :, :, 2:7]
        write_kv(torch.cat([theirs, untouched], dim=2), freqs_cis, keys, values)
        torch.testing.assert_close(keys.transpose(1, 2), expected, rtol=tolerance, atol=tolerance)
        assert torch.equal(values.transpose(1, 2), untouched)
        assert not cache[:, :, :, :2].any()
        assert not cache[:, :, :, 7:].any()
    inputs = torch.randn(3, 1000, device=DEVICE).to(dtype)
    activated = inputs.float() * torch.sigmoid(1.702 * inputs.float())
    torch.testing.assert_close(quick_gelu(inputs), activated.to(dtype), rtol=tolerance, atol=tolerance)
    gate_up = torch.randn(2, 3, 2 * 2500, device=DEVICE).to(dtype)  # more than a block, and no whole number of them
    gate, up = gate_up.float().chunk(2, dim=-1)
    torch.testing.assert_close(swiglu(gate_up), (silu(gate) * up).to(dtype), rtol=tolerance, atol=tolerance)
"""


def test_kernels_compute_what_the_equations_say() -> None:
    """In a process of its own: Triton decides between interpreter and compiler when it is imported."""
    import os

    variables = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_cpu_has_no_kernels() -> None:
    assert not has_kernels("cpu")


def test_rotary_embeddings_keep_lengths_and_rotate_by_the_angle() -> None:
    heads = torch.tensor([[[[1.0, 0.0, 0.0, 2.0]]]])
    quarter = torch.polar(torch.ones(1, 1, 1, 2), torch.full((1, 1, 1, 2), torch.pi / 2))
    torch.testing.assert_close(apply_rotary_emb(heads, quarter), torch.tensor([[[[0.0, 1.0, -2.0, 0.0]]]]))


def test_the_gate_is_silu() -> None:
    gate_up = torch.tensor([[[1.0, -2.0, 3.0, 4.0]]])
    expected = [[[3.0 / (1 + torch.e**-1), -8.0 / (1 + torch.e**2)]]]
    torch.testing.assert_close(swiglu(gate_up), torch.tensor(expected, dtype=torch.float32))


def test_no_operand_is_overwritten() -> None:
    """A forward hook may keep a projection's output: what follows must not change it."""
    x, gate_up = torch.randn(2, 3, 2, 8), torch.randn(2, 3, 16)
    before = x.clone(), gate_up.clone()
    apply_rotary_emb(x, torch.polar(torch.ones(2, 3, 1, 4), torch.randn(2, 3, 1, 4)))
    quick_gelu(x)
    swiglu(gate_up)
    assert torch.equal(x, before[0])
    assert torch.equal(gate_up, before[1])
