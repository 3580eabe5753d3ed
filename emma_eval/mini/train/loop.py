"""One training loop for every stage: warm-up, cosine decay, checkpoints, exact resumption."""

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

OUTER = ("embed", "lm_head", "projection", "infusion")  # parts of the names of matrices outside the transformer blocks

StepResult = tuple[Tensor, dict[str, list[float]]]  # the loss, and values whose means are reported


@dataclass(frozen=True)
class Schedule:
    """Learning rate by step: linear warm-up to `peak`, constant until `hold`, then a cosine to `final` x `peak`."""

    steps: int
    peak: float
    warmup: int = 200
    hold: float = 0.75  # share of the steps before the decay: the models learn to look up while the rate is high
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
    loss_of: Callable[[int], StepResult],
    schedule: Schedule,
    folder: Path,
) -> None:
    """Minimise `loss_of(step)` over the parameters of `module` that require a gradient.

    `loss_of` draws its batch from the step number alone, so an interrupted run resumes exactly. The checkpoint is
    `folder/<name>.pt`; of a finished stage it is loaded and nothing is trained.
    """
    optimizers = Optimizers(module)
    path = folder / f"{name}.pt"
    step = _resume(path, module, optimizers)
    first_step, start_time, save_time = step, time.monotonic(), time.monotonic()
    history: dict[str, list[float]] = {}
    while step < schedule.steps:
        loss, parts = loss_of(step)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizers.step(schedule.rate(step))
        step += 1
        for key, values in ({"loss": [loss.item()]} | parts).items():
            history.setdefault(key, []).extend(values)
        if step % REPORT_EVERY_STEPS == 0 or step == schedule.steps:
            speed = (step - first_step) / (time.monotonic() - start_time)
            means = " ".join(f"{key} {sum(values) / len(values):.3f}" for key, values in sorted(history.items()))
            left = (schedule.steps - step) / speed / 60
            print(f"{name} {step}/{schedule.steps} {means} {speed:.1f} steps/s {left:.0f} min left", flush=True)
            history = {}
        if time.monotonic() - save_time > SAVE_EVERY_SECONDS or step == schedule.steps:
            _save(path, module, optimizers, step)
            save_time = time.monotonic()


def is_done(name: str, schedule: Schedule, folder: Path) -> bool:
    """Whether a stage is finished, so that its data need not be generated."""
    path = folder / f"{name}.pt"
    return path.exists() and int(torch.load(path, weights_only=True, mmap=True)["step"]) >= schedule.steps


class Optimizers:
    """Muon for the matrices of the transformer blocks, AdamW for embeddings, heads, norms and biases.

    Muon (Jordan et al. 2024; torch.optim.Muon) needs far fewer steps than AdamW alone on these models.
    """

    def __init__(self, module: nn.Module) -> None:
        trainable = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        inner = [p for name, p in trainable if p.ndim == 2 and not any(word in name for word in OUTER)]
        inner_ids = set(map(id, inner))
        outer = [p for _, p in trainable if id(p) not in inner_ids]
        self.parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(outer, betas=(0.9, 0.98), weight_decay=0.0)]
        if inner:
            self.parts.append(torch.optim.Muon(inner, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"))

    def step(self, rate: float) -> None:
        """One update at a learning rate."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
            part.zero_grad(set_to_none=True)


def _resume(path: Path, module: nn.Module, optimizers: Optimizers) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    module.load_state_dict(state["module"])
    for part, stored in zip(optimizers.parts, state["optimizers"], strict=True):
        part.load_state_dict(stored)
    return int(state["step"])


def _save(path: Path, module: nn.Module, optimizers: Optimizers, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    states = [part.state_dict() for part in optimizers.parts]
    torch.save({"module": module.state_dict(), "optimizers": states, "step": step}, partial)
    partial.replace(path)
