"""Folders that hold a part of a model, or a model in another layout: what they are, and what to do.

Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.utils.json_io import read_json_object

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "non_lora_trainables.bin")
PROJECTOR_FILE = "mm_projector.bin"
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
    """Raise UserError for a LoRA adapter; also for one beside weights, where either could be meant."""
    found = next((name for name in ADAPTER_FILES if is_regular_file(folder / name)), None)
    if found is None:
        return
    base = _base_model(folder / found) if found == ADAPTER_FILES[0] else "its base model"
    raise UserError(
        f"{folder} holds a LoRA adapter of {base} ({found}), which is not loaded here: merge it into the base "
        "first (LLaVA's scripts/merge_lora_weights.py --model-path THIS --model-base BASE --save-model-path NEW), and "
        "give the merged folder"
    )


def describe_folder_without_weights(folder: Path) -> str:
    """What a folder without weights holds instead, as one line."""
    if is_regular_file(folder / PROJECTOR_FILE):
        return (
            f"{folder} holds a projector alone ({PROJECTOR_FILE}), as LLaVA's pretraining leaves it: a whole "
            "checkpoint is needed, so give the folder that fine-tuning wrote"
        )
    for pattern, layout in OTHER_LAYOUTS.items():
        if found := next(iter(sorted(folder.glob(pattern))), None):
            return f"{folder}: no weights that are read here, but {found.name}: {layout}"
    return f"{folder}: no weights here (model*.safetensors or pytorch_model*.bin)"


def _base_model(adapter_config: Path) -> str:
    name = read_json_object(adapter_config).get("base_model_name_or_path")
    return name if isinstance(name, str) and name else "a base model that it does not name"
