"""The operations of a run, and the speed of the device's matrix products and copies."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.modality import ByModality
from emma_eval.models.llama.model import Llama
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats

SIDE = 8192  # of the matrices, on a GPU
REPEATS = 20


def operations(
    runner: ModelRunner[EmmaModel] | ModelRunner[MPlugOwl2Model], stats: InferenceStats, requests: int
) -> float:
    """Floating-point operations of a pass: two per parameter and token, of LLaMA and of what encodes images.

    Tokens are those computed, without shared ones and padding. An answer's first token comes from its prompt; its last
    is no input. Every parameter counts, as is usual: so do the embedding (2%), the
    output (2%) and most of the last layer (2.5%), which few tokens pass; attention's own products (1%) do not.
    """
    tokens = stats.computed_tokens + stats.new_tokens - requests
    model = runner.model
    an_image = _abstracted(model) if isinstance(model, MPlugOwl2Model) else _encoded(model)
    return 2.0 * (_a_token(model.llama) * tokens + an_image * stats.images)


def parameters(module: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int = SIDE) -> float:
    """Operations a second of the device's own product of two square matrices, the best of three series."""
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product = left @ right
    return 2.0 * side**3 / _seconds(device, lambda: torch.matmul(left, right, out=product))


def copy_rate(device: torch.device, size: int) -> float:
    """Bytes a second of a copy within the device's memory, read and written both counted, the best of three series."""
    source = torch.empty(size, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return 2.0 * size / _seconds(device, lambda: target.copy_(source))


def _seconds(device: torch.device, act: Callable[[], object]) -> float:
    """Seconds of a call, in the best of three series of REPEATS."""
    best = float("inf")
    for _ in range(3):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(REPEATS):
            act()
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return best / REPEATS


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queue."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _a_token(llama: Llama) -> int:
    """The parameters that a token passes: of those that exist for text and for images, one."""
    return parameters(llama) - sum(parameters(part.image) for part in llama.modules() if isinstance(part, ByModality))


def _encoded(model: EmmaModel) -> int:
    """Parameters times rows of an image in CLIP's vision tower."""
    tower = getattr(model.towers, "vision", None)
    assert isinstance(tower, nn.Module), "open_clip's towers are not counted"
    return parameters(tower) * (model.towers.num_patches + 1)


def _abstracted(model: MPlugOwl2Model) -> int:
    """Parameters times rows of an image in vision model and abstractor, whose keys and values are of all rows."""
    features, queries = model.config.vision.num_patches + 1, model.config.abstractor.num_learnable_queries
    of_all = sum(parameters(layer.k_proj) + parameters(layer.v_proj) for layer in model.abstractor.layers)
    of_queries = parameters(model.abstractor) - of_all
    return parameters(model.vision) * features + of_all * (features + queries) + of_queries * queries
