"""Where a model of transformers is computed: one device, or all GPUs of the machine by accelerate's device map."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.devices import choose_device
from emma_eval.utils.text import pluralize

OPTION = "--model-option device_map"
EXTRA = 'pip install "emma-eval[hf]"'


def choose_placement(device: str | None, device_map: str | None) -> torch.device:
    """The device that inputs go to. Raises UserError for a device map that makes no sense here."""
    if device_map is None:
        return choose_device(device)
    if device_map != "auto":
        raise UserError(f"{OPTION}={device_map}: auto is expected")
    if device not in (None, "auto"):
        raise UserError(f"{OPTION}=auto takes all GPUs, and --device {device} names one; give one of the two")
    if (count := torch.cuda.device_count()) < 2:
        there = "there is one" if count else "there are none"
        raise UserError(f"{OPTION}=auto spreads a model over several GPUs, and {there} here; leave it out")
    if find_spec("accelerate") is None:
        raise UserError(f"{OPTION}=auto needs the package accelerate: {EXTRA}")
    return torch.device("cuda")


def require_on_gpus(model: Any) -> None:
    """Raise UserError if accelerate left a part of a spread model to the CPU or the disk."""
    left = [part for part, device in getattr(model, "hf_device_map", {}).items() if device in ("cpu", "disk")]
    if left:
        raise UserError(
            f"{OPTION}=auto: the model is too large for {pluralize(torch.cuda.device_count(), 'GPU')}: {left[0]} "
            f"{f'and {len(left) - 1} more ' if len(left) > 1 else ''}would lie on the CPU or the disk; "
            "take more GPUs, free their memory, or --dtype bfloat16"
        )


def free_memory(model: Any) -> int:
    """The least free memory of the GPUs that hold a model's weights, in bytes."""
    devices = {parameter.device for parameter in model.parameters()}
    return min(torch.cuda.mem_get_info(device)[0] for device in devices)


def context_length(config: Any) -> int | None:
    """How many tokens a model reads, by its text configuration, scaled rotary positions counted; None: not said."""
    length = getattr(config, "max_position_embeddings", None)
    if not isinstance(length, int):
        return None
    rotary = getattr(config, "rope_parameters", None) or {}
    scalings = [rotary, *(of_layers for of_layers in rotary.values() if isinstance(of_layers, dict))]
    factors = [(one.get("factor") or 1, one.get("original_max_position_embeddings") or length) for one in scalings]
    return max([length, *(int(factor * original) for factor, original in factors)])
