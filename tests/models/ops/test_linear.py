"""Linear against PyTorch's own product, whichever library computes it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from emma_eval.models.ops import linear
from emma_eval.models.ops.linear import Linear


@pytest.mark.parametrize("shape", [(5,), (1, 5), (7, 5), (2, 3, 5), (0, 5), (2, 0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_pytorchs_product(shape: tuple[int, ...], bias: bool):
    ours, x = Linear(5, 4, bias=bias), torch.randn(shape)
    expected = nn.functional.linear(x, ours.weight, ours.bias)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), expected, atol=1e-6, rtol=1e-6)


def test_rows_of_a_larger_tensor_are_taken_as_they_lie():
    ours, x = Linear(5, 4), torch.randn(3, 8, 10)[:, 2:6, ::2]
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), nn.functional.linear(x, ours.weight, ours.bias), atol=1e-6, rtol=1e-6)


def test_training_has_gradients():
    ours = Linear(5, 4)
    ours(torch.randn(3, 5)).sum().backward()
    assert ours.weight.grad is not None and ours.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_are_pytorchs(dtype: torch.dtype):
    ours, x = Linear(5, 4).to(dtype), torch.randn(3, 5, dtype=dtype)
    with torch.inference_mode():
        assert torch.equal(ours(x), nn.functional.linear(x, ours.weight, ours.bias))


def test_without_onednn_it_is_pytorchs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(linear, "HAS_BOTH", False)
    ours, x = Linear(5, 4), torch.randn(3, 5)
    with torch.inference_mode():
        assert torch.equal(ours(x), nn.functional.linear(x, ours.weight, ours.bias))
