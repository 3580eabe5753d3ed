"""Write trained modules in the official checkpoint layout, in float16."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPModel

from emma_eval.mini.train.images import PIXELS
from emma_eval.mini.train.model import TrainableVLM
from emma_eval.models.clip.image_processor import CLIP_MEAN, CLIP_STD

TOWER = "clip-mini"


def export_clip(clip: CLIPModel, used_ids: Tensor, folder: Path) -> None:
    """Write both towers in float16. Embeddings of ids that are not in `used_ids` (n,) are set to zero."""
    folder = folder / TOWER
    folder.mkdir(parents=True, exist_ok=True)
    tensors = half(clip)
    words = tensors["text_model.embeddings.token_embedding.weight"]
    unused = torch.ones(len(words), dtype=torch.bool)
    unused[used_ids] = False
    words[unused] = 0
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = clip.config.to_dict() | {"architectures": ["CLIPModel"], "dtype": "float16"}
    write_json(folder / "config.json", config)
    write_processor(folder)


def export_model(vlm: TrainableVLM, tokenizer: Path, folder: Path) -> None:
    """Write a LLaVA or EMMA folder whose `mm_vision_tower` is the CLIP folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_tokenizer(tokenizer, folder)
    projector = {f"model.mm_projector.{key}": value for key, value in half(vlm.projector).items()}
    save_file(half(vlm.llama) | projector, folder / "model.safetensors", {"format": "pt"})
    config = vlm.llama.config.to_dict() | _multimodal(vlm)
    if vlm.alignment is not None:
        torch.save(half(vlm.alignment), folder / "vision_tower.bin")
    write_json(folder / "config.json", config)
    write_generation_config(folder)


def copy_tokenizer(tokenizer: Path, folder: Path) -> None:
    """SentencePiece's model and its settings."""
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder / name)


def write_processor(folder: Path) -> None:
    """How images are prepared: CLIP's preprocessing at the tower's size."""
    processor = {
        "crop_size": PIXELS, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "size": PIXELS,
    }  # fmt: skip
    write_json(folder / "preprocessor_config.json", processor)


def write_generation_config(folder: Path) -> None:
    """LLaMA's begin, end and padding ids."""
    write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})


def _multimodal(vlm: TrainableVLM) -> dict[str, Any]:
    keys = {
        "architectures": ["LlavaLlamaForCausalLM"],
        "model_type": "llava_llama",
        "torch_dtype": "float16",
        "image_aspect_ratio": "pad",
        "mm_hidden_size": vlm.projector[0].in_features,  # type: ignore[index]
        "mm_projector_type": "mlp2x_gelu",
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": TOWER,
        "tokenizer_model_max_length": 512,
    }
    if vlm.alignment is None:
        return keys
    return keys | {
        "encoder_version": "v1",
        "num_learnable_tokens": 0,
        "mm_text_select_layer": -2,
        "mm_text_select_feature": "cls_patch",
    }


def half(module: nn.Module) -> dict[str, Tensor]:
    """The module's tensors in float16."""
    return {key: value.detach().half().contiguous() for key, value in module.state_dict().items()}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """One JSON object, keys sorted."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
