"""Folders that hold a part of a model, or a model in another layout: recognised, and refused with what to do.

Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.paths import is_regular
from emma_eval.utils.json_io import read_json_object

ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "non_lora_trainables.bin")
PROJECTOR = "mm_projector.bin"
OTHER_LAYOUTS = {
    "*.gguf": "a GGUF file (llama.cpp's)",
    "consolidated.*.pth": "LLaMA's original layout",
    "*.ckpt.index": "a TensorFlow checkpoint",
    "tf_model.h5": "a TensorFlow checkpoint",
    "flax_model.msgpack": "a Flax checkpoint",
    "diffusion_pytorch_model*": "a diffusion model",
    "global_step*": "a DeepSpeed training state: write whole weights with its zero_to_fp32.py",
}


def refuse_adapter(folder: Path) -> None:
    """Raise UserError for a LoRA adapter, also one that lies beside weights: which of both is meant is in doubt."""
    found = [name for name in ADAPTER if is_regular(folder / name)]
    if not found:
        return
    base = _base(folder / ADAPTER[0]) if ADAPTER[0] in found else "its base model"
    raise UserError(
        f"{folder} holds a LoRA adapter of {base} ({found[0]}), which is not loaded here: merge it into the base "
        "first (LLaVA's scripts/merge_lora_weights.py --model-path THIS --model-base BASE --save-model-path NEW), and "
        "give the merged folder"
    )


def without_weights(folder: Path) -> str:
    """What a folder without weights is, as one line."""
    if is_regular(folder / PROJECTOR):
        return (
            f"{folder} holds a projector alone ({PROJECTOR}), as LLaVA's pretraining leaves it: a whole checkpoint is "
            "needed, so give the folder that fine-tuning wrote"
        )
    for pattern, what in OTHER_LAYOUTS.items():
        if found := next(iter(sorted(folder.glob(pattern))), None):
            return f"{folder}: no weights that are read here, but {found.name}: {what}"
    return f"{folder}: no weights here (model*.safetensors or pytorch_model*.bin)"


def _base(config: Path) -> str:
    name = read_json_object(config).get("base_model_name_or_path")
    return name if isinstance(name, str) and name else "a base model that it does not name"
