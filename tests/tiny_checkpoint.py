"""Writes tiny random checkpoints in every layout of the official folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, LlamaConfig, LlamaForCausalLM

DATA = Path(__file__).parent / "models" / "data"
POSITIONS = {"cls_patch": range(77), "patch": range(1, 77), "cls": range(1)}
SIDE, PATCH, TOKENS = 28, 7, 16
WIDTH, TEXT_WIDTH, HIDDEN, VOCABULARY = 24, 12, 32, 420


@dataclass(frozen=True)
class TinyCheckpoint:
    """The properties of a checkpoint; the defaults are the most common EMMA. None omits a key of config.json."""

    version: str | None = "v1"
    alignment: bool = True
    text_layer: int | None = -2
    text_feature: str | None = "cls_patch"
    vision_layer: int = -2
    learnable_tokens: bool = False  # stored in vision_tower.bin
    projector: str = "mlp2x_gelu"
    aspect_ratio: str | None = "pad"
    dtype: torch.dtype = torch.float32
    shards: str = "safetensors"
    alignment_keys: str = "bare"
    patch_token: bool | None = False
    max_length: int | None = 2048
    kv_heads: int = 4
    tied: bool = False
    clip_in_shards: bool = False
    unfrozen: bool = False
    processor: str = "old"
    seed: int = 0

    def write(self, root: Path) -> Path:
        """Write the checkpoint below `root`, its CLIP beside it; the checkpoint's folder."""
        folder, tower = root / "tiny-emma", root / "tiny-clip"
        folder.mkdir(parents=True)
        shutil.copy(DATA / "tokenizer.model", folder)
        (folder / "tokenizer_config.json").write_text('{"legacy": false, "bos_token": "<s>", "eos_token": "</s>"}')
        (folder / "config.json").write_text(json.dumps(self.config()))
        save_shards(folder, self.stored, self.shards)
        if self.alignment:
            torch.save(self.alignment_file(), folder / "vision_tower.bin")
        write_tower(tower, self.clip, self.processor)
        return folder

    def config(self) -> dict[str, Any]:
        llama = self.llama.config
        keys = {
            "model_type": "llava_llama",
            "torch_dtype": str(self.dtype).removeprefix("torch."),
            "vocab_size": VOCABULARY,
            "hidden_size": HIDDEN,
            "intermediate_size": llama.intermediate_size,
            "num_hidden_layers": llama.num_hidden_layers,
            "num_attention_heads": llama.num_attention_heads,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": llama.rms_norm_eps,
            "rope_theta": 5000.0,
            "tie_word_embeddings": self.tied,
            "eos_token_id": 2,
            "mm_vision_tower": "tiny-clip",
            "mm_vision_select_layer": self.vision_layer,
            "mm_projector_type": self.projector,
            "image_aspect_ratio": self.aspect_ratio,
            "mm_use_im_patch_token": self.patch_token,
            "tokenizer_model_max_length": self.max_length,
            "encoder_version": self.version,
            "mm_text_select_layer": self.text_layer,
            "mm_text_select_feature": self.text_feature,
            "unfreeze_mm_vision_tower": self.unfrozen or None,
        }
        return {key: value for key, value in keys.items() if value is not None}

    @cached_property
    def clip(self) -> CLIPModel:
        return stored_as(random_clip(self.seed), torch.float16)

    @cached_property
    def llama(self) -> LlamaForCausalLM:
        torch.manual_seed(self.seed + 1)
        config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=self.kv_heads,
            rope_theta=5000.0,
            tie_word_embeddings=self.tied,
        )
        config.rope_parameters = {"rope_type": "default", "rope_theta": 5000.0}
        return stored_as(randomize(LlamaForCausalLM(config), 0.3), self.dtype)

    @cached_property
    def alignment_tensors(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed + 2)
        count = len(POSITIONS.get(self.text_feature or "", POSITIONS["cls_patch"]))
        shapes = {
            "text_projection.weight": (WIDTH, TEXT_WIDTH),
            "text_projection.bias": (WIDTH,),
            "image_text_infusion.weight": (TOKENS, TOKENS + count),
            "image_text_infusion.bias": (TOKENS,),
            "learnable_tokens": (TOKENS, WIDTH),
        }
        tensors = {name: torch.randn(shape, generator=generator) * 0.4 for name, shape in shapes.items()}
        if not self.learnable_tokens:
            del tensors["learnable_tokens"]
        return {name: value.to(self.dtype) for name, value in tensors.items()}

    @cached_property
    def projector_tensors(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed + 3)
        shapes: dict[str, tuple[int, ...]] = {"weight": (HIDDEN, WIDTH), "bias": (HIDDEN,)}
        if self.projector != "linear":
            shapes = {f"0.{name}": shape for name, shape in shapes.items()}
            shapes |= {"2.weight": (HIDDEN, HIDDEN), "2.bias": (HIDDEN,)}
        return {name: (torch.randn(s, generator=generator) * 0.3).to(self.dtype) for name, s in shapes.items()}

    @cached_property
    def shard_clip(self) -> CLIPModel:
        """The copy of CLIP in the shards, unlike the CLIP folder's so that a mix-up shows."""
        return stored_as(random_clip(self.seed + 10), self.dtype)

    @property
    def stored(self) -> dict[str, Tensor]:
        tensors = {name: value.to(self.dtype) for name, value in self.llama.state_dict().items()}
        if self.tied:
            del tensors["lm_head.weight"]
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)  # as old checkpoints have it
        tensors |= {f"model.mm_projector.{name}": value for name, value in self.projector_tensors.items()}
        if self.clip_in_shards or self.unfrozen:
            for name, value in self.shard_clip.state_dict().items():
                part = "vision_tower." if name.startswith("vision_model.") else "text_encoder."
                tensors[f"model.vision_tower.{part}{name}"] = value.to(self.dtype)
            tensors |= {f"model.vision_tower.{name}": -value for name, value in self.alignment_tensors.items()}
        return tensors

    def alignment_file(self) -> dict[str, Tensor]:
        tensors = dict(self.alignment_tensors)
        weight = tensors["text_projection.weight"]
        tensors["text_projection.weight"] = weight.t().contiguous().t()  # non-contiguous, as DeepSpeed leaves it
        if self.alignment_keys == "prefixed":
            return {f"model.vision_tower.{name}": value for name, value in tensors.items()}
        if self.alignment_keys == "whole":
            for name, value in self.shard_clip.state_dict().items():
                tensors[("vision_tower." if name.startswith("vision") else "text_encoder.") + name] = value
        return tensors


def random_clip(seed: int) -> CLIPModel:
    torch.manual_seed(seed)
    tower = {"num_hidden_layers": 3, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={"hidden_size": WIDTH, "intermediate_size": 40, "image_size": SIDE, "patch_size": PATCH, **tower},
        text_config={"hidden_size": TEXT_WIDTH, "intermediate_size": 20, "vocab_size": 49408, **tower},
        projection_dim=8,
    )
    return randomize(CLIPModel(config), 0.25)


def randomize(module: Any, scale: float) -> Any:
    """Random weights, large enough that every module changes the result."""
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(torch.randn_like(value) * scale + (1 if "norm" in name and "weight" in name else 0))
    return module


def stored_as(module: Any, dtype: torch.dtype) -> Any:
    """The module in float32 with the weights that survive storage (and buffers that never were stored)."""
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(value.to(dtype))
    return module.eval()


def write_tower(folder: Path, clip: CLIPModel, processor: str = "old") -> None:
    folder.mkdir(parents=True)
    config = clip.config.to_dict()
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {name: value.half() for name, value in clip.state_dict().items()}
    tensors["vision_model.embeddings.position_ids"] = torch.arange(TOKENS + 1)[None]  # as old checkpoints have it
    torch.save(tensors, folder / "pytorch_model.bin")
    settings = {
        "old": {"size": SIDE, "crop_size": SIDE, "resample": 3},
        "new": {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}, "resample": 3},
    }
    if processor in settings:
        (folder / "preprocessor_config.json").write_text(json.dumps(settings[processor]))


def save_shards(folder: Path, tensors: dict[str, Tensor], layout: str) -> None:
    """`safetensors` or `bin` in one file, `safetensors-indexed` or `bin-indexed` in two, `-unindexed` without index."""
    kind, _, how = layout.partition("-")
    stem = "model" if kind == "safetensors" else "pytorch_model"

    def save(part: dict[str, Tensor], name: str) -> None:
        if kind == "safetensors":
            save_file({key: value.contiguous() for key, value in part.items()}, folder / name)
        else:
            torch.save(part, folder / name)

    if not how:
        return save(tensors, f"{stem}.{kind}")
    names = sorted(tensors)
    index = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"{stem}-{number:05}-of-00002.{kind}"
        save({name: tensors[name] for name in part}, file)
        index |= dict.fromkeys(part, file)
    if how == "indexed":
        (folder / f"{stem}.{kind}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return None


EMMA = TinyCheckpoint()
LLAVA = replace(EMMA, version=None, alignment=False, text_layer=None, text_feature=None)
