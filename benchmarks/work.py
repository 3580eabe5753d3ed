"""The operations of a run, and the speed of the device's matrix products and copies."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from emma_eval.models.clip.model import VisionTower
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats

SIDE = 8192  # of the matrices, on a GPU
REPEATS = 20


def operations(runner: ModelRunner[Any], stats: InferenceStats, requests: int) -> float:
    """Floating-point operations of a pass: two per parameter and token, of LLaMA and of CLIP's vision tower.

    Tokens are those computed, without shared ones and padding. An answer's first token comes from its prompt; its last
    is no input. Every parameter counts, as is usual: so do the embedding (2%), the
    output (2%) and most of the last layer (2.5%), which few tokens pass; attention's own products (1%) do not.
    """
    tokens = stats.computed_tokens + stats.new_tokens - requests
    vision = _vision(runner.model)
    patches = vision.position_embedding.num_embeddings
    return 2.0 * (parameters(runner.model.llama) * tokens + parameters(vision) * patches * stats.images)


def parameters(module: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int = SIDE) -> float:
    """Operations a second of the device's own product of two square matrices, the best of three series."""
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product = left @ right
    best = float("inf")
    for _ in range(3):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(REPEATS):
            torch.matmul(left, right, out=product)
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * side**3 * REPEATS / best


def copy_rate(device: torch.device, size: int) -> float:
    """Bytes a second of a copy within the device's memory, read and written both counted, the best of three series."""
    source = torch.empty(size, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(3):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(REPEATS):
            target.copy_(source)
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * size * REPEATS / best


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queue."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _vision(model: nn.Module) -> VisionTower:
    """The model's vision tower; mPLUG-Owl2's has a norm around it."""
    tower = next((module for module in model.modules() if isinstance(module, VisionTower)), None)
    assert tower is not None, "open_clip's towers are not counted"
    return tower
