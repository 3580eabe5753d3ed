"""Writes tiny random mPLUG-Owl2 checkpoints in the layout of the authors' converter and of save_pretrained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

DATA = Path(__file__).parent / "models" / "data"
VISION, ABSTRACTOR = "model.vision_model.", "model.visual_abstractor."


@dataclass(frozen=True)
class TinyMPlugOwl2:
    """A checkpoint's sizes and properties; other keys of config.json are in `settings`."""

    hidden: int = 32
    layers: int = 2
    heads: int = 4
    inner: int = 48
    vocabulary: int = 420  # of the tokenizer
    width: int = 24
    vision_layers: int = 3
    vision_heads: int = 2
    side: int = 28
    patch: int = 7
    queries: int = 5
    abstractor_layers: int = 2
    abstractor_heads: int = 4
    dtype: torch.dtype = torch.float32
    layout: str = "converter"  # a .bin a layer and an index; `saved`: two safetensors and an index; `single`: one .bin
    tables: bool = False  # whether position tables are stored; they are unlike the computed ones
    settings: Mapping[str, Any] = field(default_factory=dict)
    visual_model: Mapping[str, Any] = field(default_factory=dict)
    visual_abstractor: Mapping[str, Any] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def grid(self) -> int:
        return self.side // self.patch

    def write(self, root: Path, name: str = "tiny-mplug-owl2") -> Path:
        """Write the checkpoint below `root`; its folder."""
        folder = root / name
        folder.mkdir(parents=True)
        shutil.copy(DATA / "tokenizer.model", folder)
        (folder / "tokenizer_config.json").write_text('{"legacy": false, "bos_token": "<s>", "eos_token": "</s>"}')
        (folder / "config.json").write_text(json.dumps(self.config()))
        processor = {"size": self.side, "crop_size": self.side, "feature_extractor_type": "CLIPFeatureExtractor"}
        (folder / "preprocessor_config.json").write_text(json.dumps(processor | self.processor))
        save(folder, {name: value.to(self.dtype) for name, value in self.tensors.items()}, self.layout)
        return folder

    def config(self) -> dict[str, Any]:
        return {
            "model_type": "mplug_owl2",
            "architectures": ["MPLUGOwl2LlamaForCausalLM"],
            "torch_dtype": str(self.dtype).removeprefix("torch."),
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "rms_norm_eps": 1e-3,
            "eos_token_id": 2,
            "visual_config": {
                "visual_model": {
                    "hidden_size": self.width,
                    "intermediate_size": 2 * self.width,
                    "num_hidden_layers": self.vision_layers,
                    "num_attention_heads": self.vision_heads,
                    "image_size": self.side,
                    "patch_size": self.patch,
                    "layer_norm_eps": 2e-3,
                    **self.visual_model,
                },
                "visual_abstractor": {
                    "hidden_size": self.width,
                    "encoder_hidden_size": self.width,
                    "intermediate_size": 20,
                    "num_hidden_layers": self.abstractor_layers,
                    "num_attention_heads": self.abstractor_heads,
                    "num_learnable_queries": self.queries,
                    "grid_size": self.grid,
                    "layer_norm_eps": 4e-3,
                    **self.visual_abstractor,
                },
            },
            **self.settings,
        }

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored, in float32 and as the stored type has it."""
        generator = torch.Generator().manual_seed(self.seed)
        tensors = {}
        for name, shape in self.shapes().items():
            value = torch.randn(shape, generator=generator) * (0.1 if name.endswith("bias") else 0.25)
            is_norm = name.endswith("weight") and ("norm" in name or "ffn_ln" in name)
            tensors[name] = (value + is_norm).to(self.dtype).float()
        for layer in range(self.layers):
            tensors[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(self.hidden // self.heads // 2)
        return tensors

    def shapes(self) -> dict[str, tuple[int, ...]]:
        d, f, v, dv = self.hidden, self.inner, self.vocabulary, self.width
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (v, d), "lm_head.weight": (v, d)}
        shapes["model.norm.weight"] = (d,)
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}."
            for name in ("q_proj", "o_proj"):
                shapes[f"{prefix}self_attn.{name}.weight"] = (d, d)
            shapes |= {f"{prefix}mlp.{name}_proj.weight": (f, d) for name in ("gate", "up")}
            shapes[f"{prefix}mlp.down_proj.weight"] = (d, f)
            for way in range(2):
                shapes |= {f"{prefix}self_attn.{name}_proj.multiway.{way}.weight": (d, d) for name in "kv"}
                for name in ("input_layernorm", "post_attention_layernorm"):
                    shapes[f"{prefix}{name}.multiway.{way}.weight"] = (d,)
        shapes |= {
            f"{VISION}embeddings.cls_token": (1, 1, dv),
            f"{VISION}embeddings.position_embedding": (1, self.grid**2 + 1, dv),
            f"{VISION}embeddings.patch_embed.weight": (dv, 3, self.patch, self.patch),
            f"{ABSTRACTOR}query_embeds": (1, self.queries, dv),
            f"{ABSTRACTOR}vit_eos": (1, 1, d),
        }
        modules = {f"{VISION}embeddings.pre_layernorm": (dv,), f"{VISION}post_layernorm": (dv,)}
        modules |= {f"{ABSTRACTOR}visual_fc": (d, dv)}
        for layer in range(self.vision_layers):
            prefix = f"{VISION}encoder.layers.{layer}."
            modules |= {f"{prefix}{name}layernorm": (dv,) for name in ("input_", "post_attention_")}
            modules |= {f"{prefix}self_attn.query_key_value": (3 * dv, dv), f"{prefix}self_attn.dense": (dv, dv)}
            modules |= {f"{prefix}mlp.fc1": (2 * dv, dv), f"{prefix}mlp.fc2": (dv, 2 * dv)}
        for layer in range(self.abstractor_layers):
            prefix = f"{ABSTRACTOR}encoder.layers.{layer}.crossattention."
            modules |= {f"{prefix}{name}": (dv,) for name in ("norm1", "normk", "output.norm2")}
            modules |= {f"{prefix}attention.{name}": (dv, dv) for name in ("query", "key", "value")}
            modules |= {f"{prefix}output.mlp.{name}": (20, dv) for name in ("w1", "w3")}
            modules |= {f"{prefix}output.mlp.w2": (dv, 20), f"{prefix}output.mlp.ffn_ln": (20,)}
            modules[f"{prefix}output.out_proj"] = (dv, dv)
            if self.tables:
                shapes[f"{prefix}attention.q_pos_embed"] = (self.queries, dv)
                shapes[f"{prefix}attention.k_pos_embed"] = (self.grid**2 + 1, dv)
        for name, shape in modules.items():
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        return shapes


def save(folder: Path, tensors: dict[str, Tensor], layout: str) -> None:
    """In the layout of that name."""
    if layout == "single":
        return torch.save(tensors, folder / "pytorch_model.bin")
    if layout == "saved":
        shards = {f"model-{number + 1:05}-of-00002.safetensors": number for number in range(2)}
        parts = {name: dict(list(tensors.items())[number::2]) for name, number in shards.items()}
        for name, part in parts.items():
            save_file(part, folder / name)
        index = folder / "model.safetensors.index.json"
    else:
        count = 1 + len({name.split(".")[2] for name in tensors if name.startswith("model.layers.")})
        parts = {f"pytorch_model-{number}-of-{count}.bin": {} for number in range(1, count + 1)}
        for name, tensor in tensors.items():
            number = int(name.split(".")[2]) + 1 if name.startswith("model.layers.") else count
            parts[f"pytorch_model-{number}-of-{count}.bin"][name] = tensor
        for name, part in parts.items():
            torch.save(part, folder / name)
        index = folder / "pytorch_model.bin.index.json"
    weight_map = {tensor: name for name, part in parts.items() for tensor in part}
    index.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}))
    return None


MPLUG_OWL2 = TinyMPlugOwl2()
