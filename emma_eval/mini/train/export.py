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
    """Write both towers. Embeddings of ids that never occur in training are set to zero."""
    folder = folder / TOWER
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _half(clip)
    words = tensors["text_model.embeddings.token_embedding.weight"]
    unused = torch.ones(len(words), dtype=torch.bool)
    unused[used_ids] = False
    words[unused] = 0
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = clip.config.to_dict() | {"architectures": ["CLIPModel"], "dtype": "float16"}
    _write(folder / "config.json", config)
    processor = {
        "crop_size": PIXELS, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "size": PIXELS,
    }  # fmt: skip
    _write(folder / "preprocessor_config.json", processor)


def export_model(vlm: TrainableVLM, tokenizer: Path, folder: Path) -> None:
    """Write a LLaVA or EMMA folder whose `mm_vision_tower` is the CLIP folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder / name)
    projector = {f"model.mm_projector.{key}": value for key, value in _half(vlm.projector).items()}
    save_file(_half(vlm.llama) | projector, folder / "model.safetensors", {"format": "pt"})
    config = vlm.llama.config.to_dict() | _multimodal(vlm)
    if vlm.alignment is not None:
        torch.save(_half(vlm.alignment), folder / "vision_tower.bin")
    _write(folder / "config.json", config)
    _write(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})


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


def _half(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().half().contiguous() for key, value in module.state_dict().items()}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
