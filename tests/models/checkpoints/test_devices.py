"""The switches of torch that a GPU's device and precision ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from emma_eval.models.checkpoints.devices import prepare_device
from tests.models.fake_gpu import fake_gpu


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.cudnn_sdp_enabled()
    yield
    torch.backends.cudnn.allow_tf32 = before[0]
    torch.backends.cuda.enable_cudnn_sdp(before[1])


def test_a_gpu_of_several_is_made_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or steps would be captured on the first one's stream, and replay nothing."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    with fake_gpu():
        prepare_device(torch.device("cuda", 3), torch.bfloat16)
    assert chosen == [torch.device("cuda", 3)]
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.bfloat16, True), (torch.float32, False)])
def test_float32_on_a_gpu_is_not_rounded_to_ten_bits(dtype: torch.dtype, allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = True
    prepare_device(torch.device("cuda"), dtype)
    assert torch.backends.cudnn.allow_tf32 is allowed


def test_nothing_is_switched_for_a_cpu() -> None:
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.enable_cudnn_sdp(True)
    prepare_device(torch.device("cpu"), torch.float32)
    assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.cudnn_sdp_enabled()
