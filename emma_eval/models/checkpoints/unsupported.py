"""Folders that hold a part of a model, or a model in another layout: what they are, and what to do.

Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.utils.json_io import read_json_object

ADAPTER_CONFIG, NON_LORA = "adapter_config.json", "non_lora_trainables.bin"
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
WHOLE_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
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


def refuse_doubtful_adapter(folder: Path) -> None:
    """Raise UserError for a LoRA adapter beside whole weights, where either could be meant, and for a part of one."""
    files = (ADAPTER_CONFIG, *ADAPTER_WEIGHTS, NON_LORA)
    found = next((name for name in files if is_regular_file(folder / name)), None)
    if found is None:
        return
    if weights := next((path for pattern in WHOLE_WEIGHTS for path in sorted(folder.glob(pattern))), None):
        of = f" of {base_model_name(folder / found) or 'a base model'}" if found == ADAPTER_CONFIG else ""
        raise UserError(
            f"{folder} holds a LoRA adapter{of} ({found}) beside whole weights ({weights.name}): which of them is "
            "meant is in doubt; put the adapter into a folder of its own"
        )
    if found != ADAPTER_CONFIG:
        raise UserError(f"{folder} holds a part of a LoRA adapter ({found}), but no {ADAPTER_CONFIG}")


def holds_projector_alone(folder: Path) -> bool:
    """Whether a folder is of LLaVA's pretraining, which writes the projector beside config.json and nothing else."""
    has_weights = any(next(folder.glob(pattern), None) for pattern in WHOLE_WEIGHTS)
    return is_regular_file(folder / PROJECTOR_FILE) and not has_weights


def describe_folder_without_weights(folder: Path) -> str:
    """What a folder without weights holds instead, as one line."""
    if is_regular_file(folder / PROJECTOR_FILE):
        return f"{folder} holds a projector alone ({PROJECTOR_FILE}), as LLaVA's pretraining leaves it, and no weights"
    for pattern, layout in OTHER_LAYOUTS.items():
        if found := next(iter(sorted(folder.glob(pattern))), None):
            return f"{folder}: no weights that are read here, but {found.name}: {layout}"
    return f"{folder}: no weights here (model*.safetensors or pytorch_model*.bin)"


def base_model_name(adapter_config: Path) -> str:
    """The base model that adapter_config.json names; empty if it names none."""
    name = read_json_object(adapter_config).get("base_model_name_or_path")
    return name if isinstance(name, str) else ""
