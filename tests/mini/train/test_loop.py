"""The training loop: its schedule, and exact resumption of an interrupted stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from emma_eval.mini.train.loop import Schedule, fit, is_done


def test_rate_warms_up_holds_and_decays():
    schedule = Schedule(steps=1000, peak=1.0, warmup=100, hold=0.5, final=0.1)
    assert schedule.rate(0) == pytest.approx(0.01)
    assert schedule.rate(99) == schedule.rate(500) == 1.0
    assert schedule.rate(750) == pytest.approx(0.1 + 0.9 * 0.5)
    assert schedule.rate(1000) == pytest.approx(0.1)


def linear_regression(model: nn.Linear, die_at: int | None = None):
    def loss_of(step: int) -> tuple[Tensor, dict[str, list[float]]]:
        if step == die_at:
            raise KeyboardInterrupt
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        return (model(x) - x[:, :1]).square().mean(), {}

    return loss_of


def new_model() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 1)


def test_an_interrupted_stage_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    schedule = Schedule(steps=12, peak=0.1, warmup=2)
    undisturbed = new_model()
    fit("whole", undisturbed, linear_regression(undisturbed), schedule, tmp_path)

    monkeypatch.setattr("emma_eval.mini.train.loop.SAVE_EVERY_SECONDS", 0.0)
    killed = new_model()
    with pytest.raises(KeyboardInterrupt):
        fit("killed", killed, linear_regression(killed, die_at=7), schedule, tmp_path)
    assert not is_done("killed", schedule, tmp_path)
    resumed = nn.Linear(4, 1)
    fit("killed", resumed, linear_regression(resumed), schedule, tmp_path)

    assert is_done("killed", schedule, tmp_path)
    assert torch.equal(resumed.weight, undisturbed.weight)
    assert torch.equal(resumed.bias, undisturbed.bias)
