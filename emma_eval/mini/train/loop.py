"""One training loop for every stage: warm-up, cosine decay, checkpoints, and resumption at the very step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

SAVE_EVERY_SECONDS = 120.0
REPORT_EVERY_STEPS = 100

Outcome = tuple[Tensor, dict[str, list[float]]]  # the loss, and values to report the means of


@dataclass(frozen=True)
class Schedule:
    """Learning rate by step: linear warm-up to `peak`, flat until `hold`, then a cosine down to `final` x peak."""

    steps: int
    peak: float
    warmup: int = 200
    hold: float = 0.6  # the share of the steps at which the decay begins: lookup forms while the rate is high
    final: float = 0.02

    def rate(self, step: int) -> float:
        """The learning rate of one step."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        start = self.hold * self.steps
        done = min(1.0, max(0.0, (step - start) / max(1.0, self.steps - start)))
        return self.peak * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done)))


def fit(
    name: str,
    module: nn.Module,
    loss_of: Callable[[int], Outcome],
    schedule: Schedule,
    folder: Path,
) -> None:
    """Minimise `loss_of(step)` over the parameters of `module` that want a gradient.

    `loss_of` draws its batch from the step number alone, so a run that was killed goes on as if it had not been.
    Checkpoints are `folder/<name>.pt`; a finished stage is loaded and left as it is.
    """
    optimizer = torch.optim.AdamW(_parameter_groups(module), lr=schedule.peak, betas=(0.9, 0.98))
    path = folder / f"{name}.pt"
    step = _resume(path, module, optimizer)
    first, began, saved = step, time.monotonic(), time.monotonic()
    seen: dict[str, list[float]] = {}
    while step < schedule.steps:
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        loss, parts = loss_of(step)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        step += 1
        for key, values in ({"loss": [loss.item()]} | parts).items():
            seen.setdefault(key, []).extend(values)
        if step % REPORT_EVERY_STEPS == 0 or step == schedule.steps:
            speed = (step - first) / (time.monotonic() - began)
            means = " ".join(f"{key} {sum(values) / len(values):.3f}" for key, values in sorted(seen.items()))
            left = (schedule.steps - step) / speed / 60
            print(f"{name} {step}/{schedule.steps} {means} {speed:.1f} steps/s {left:.0f} min left", flush=True)
            seen = {}
        if time.monotonic() - saved > SAVE_EVERY_SECONDS or step == schedule.steps:
            _save(path, module, optimizer, step)
            saved = time.monotonic()


def is_done(name: str, schedule: Schedule, folder: Path) -> bool:
    """Whether a stage has all its steps behind it, so that its data need not be made."""
    path = folder / f"{name}.pt"
    return path.exists() and int(torch.load(path, weights_only=True, mmap=True)["step"]) >= schedule.steps


def _parameter_groups(module: nn.Module) -> list[dict[str, object]]:
    wanted = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in wanted if p.ndim >= 2], "weight_decay": 0.01},
        {"params": [p for p in wanted if p.ndim < 2], "weight_decay": 0.0},
    ]


def _resume(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, partial)
    partial.replace(path)
