"""mPLUG-Owl2's vision model and abstractor as the official shards name them, loaded into our modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from emma_eval.models.checkpoints.state_dict import SkipInitialization, concatenated, parts_of_parameters
from emma_eval.models.mplug_owl2.abstractor import Abstractor, key_positions, query_positions
from emma_eval.models.mplug_owl2.config import MPlugOwl2Config
from emma_eval.models.mplug_owl2.vision import VisionModel

VISION, ABSTRACTOR = "model.vision_model.", "model.visual_abstractor."
# Names in our modules -> names in the shards, below these prefixes.
VISION_OUTSIDE_LAYERS = {
    "tower.class_embedding": "embeddings.cls_token",
    "tower.position_embedding.weight": "embeddings.position_embedding",
    "tower.patch_embedding.weight": "embeddings.patch_embed.weight",
    "tower.pre_layernorm.weight": "embeddings.pre_layernorm.weight",
    "tower.pre_layernorm.bias": "embeddings.pre_layernorm.bias",
    "post_layernorm.weight": "post_layernorm.weight",
    "post_layernorm.bias": "post_layernorm.bias",
}
VISION_LAYER = {
    "attention_norm": "input_layernorm",
    "qkv_proj": "self_attn.query_key_value",
    "out_proj": "self_attn.dense",
    "mlp_norm": "post_attention_layernorm",
    "fc1": "mlp.fc1",
    "fc2": "mlp.fc2",
}
ABSTRACTOR_OUTSIDE_LAYERS = {
    "queries": "query_embeds",
    "projection.weight": "visual_fc.weight",
    "projection.bias": "visual_fc.bias",
    "end_of_image": "vit_eos",
}
# Several stored ones are concatenated along the output dimension.
ABSTRACTOR_LAYER = {
    "query_positions": ("attention.q_pos_embed",),
    "key_positions": ("attention.k_pos_embed",),
    "query_norm": ("norm1",),
    "feature_norm": ("normk",),
    "q_proj": ("attention.query",),
    "k_proj": ("attention.key",),
    "v_proj": ("attention.value",),
    "out_proj": ("output.out_proj",),
    "mlp_norm": ("output.norm2",),
    "gate_up_proj": ("output.mlp.w1", "output.mlp.w3"),
    "inner_norm": ("output.mlp.ffn_ln",),
    "down_proj": ("output.mlp.w2",),
}
LEADING_ONES = {  # dimensions of size 1 that stored tensors begin with, and ours do not
    f"{VISION}embeddings.cls_token": 2,
    f"{VISION}embeddings.position_embedding": 1,
    f"{ABSTRACTOR}query_embeds": 1,
    f"{ABSTRACTOR}vit_eos": 2,
}

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def load_vision(config: MPlugOwl2Config, shards: Mapping[str, Tensor], source: Path) -> VisionModel:
    """The vision model, in the stored type. Raises UserError for a tensor that is missing or misshapen."""
    with torch.device("meta"), SkipInitialization():
        vision = VisionModel(config.vision)
    return _load(vision, shards, source, vision_names, config.vision.num_attention_heads)


def load_abstractor(config: MPlugOwl2Config, shards: Mapping[str, Tensor], source: Path) -> Abstractor:
    """The abstractor. Position tables that the shards do not hold are computed, layer by layer.

    Raises UserError for a tensor that is missing or misshapen.
    """
    settings, grid_size = config.abstractor, config.vision.grid_size
    computed = {
        "query_positions": query_positions(settings.num_learnable_queries, settings.hidden_size),
        "key_positions": key_positions(grid_size, settings.hidden_size),
    }
    tables = {
        abstractor_names(f"layers.{index}.{name}")[0]: table
        for index in range(settings.num_hidden_layers)
        for name, table in computed.items()
    }
    with torch.device("meta"), SkipInitialization():
        abstractor = Abstractor(settings, config.vision.num_patches + 1, config.llama.hidden_size)
    return _load(abstractor, {**tables, **shards}, source, abstractor_names)


def vision_names(name: str) -> tuple[str, ...]:
    """The shards' tensors that a parameter of the vision model is."""
    if name in VISION_OUTSIDE_LAYERS:
        return (VISION + VISION_OUTSIDE_LAYERS[name],)
    *_, index, module, kind = name.split(".")  # tower.layers.3.qkv_proj.weight
    return (f"{VISION}encoder.layers.{index}.{VISION_LAYER[module]}.{kind}",)


def abstractor_names(name: str) -> tuple[str, ...]:
    """The shards' tensors that are concatenated in a parameter of the abstractor."""
    if name in ABSTRACTOR_OUTSIDE_LAYERS:
        return (ABSTRACTOR + ABSTRACTOR_OUTSIDE_LAYERS[name],)
    _, index, module, *kind = name.split(".")  # layers.3.q_proj.weight, layers.3.key_positions
    layer = f"{ABSTRACTOR}encoder.layers.{index}.crossattention."
    return tuple(".".join([layer + stored, *kind]) for stored in ABSTRACTOR_LAYER[module])


def _load(
    module: ModuleT,
    shards: Mapping[str, Tensor],
    source: Path,
    stored_names: Callable[[str], Sequence[str]],
    interleaved_heads: int = 0,
) -> ModuleT:
    tensors = {name: _without_ones(name, tensor) for name, tensor in shards.items()}
    state = {name: concatenated(of) for name, of in parts_of_parameters(module, stored_names, tensors, source).items()}
    for name, tensor in state.items():
        if "qkv_proj" in name:
            state[name] = separate_qkv(tensor, interleaved_heads)
    module.load_state_dict(state, assign=True)
    return module


def separate_qkv(rows: Tensor, num_heads: int) -> Tensor:
    """Rows (H, 3, Dh) of queries, keys and values, head by head, as (3, H, Dh): (3 Dv, ...) -> (3 Dv, ...)."""
    return rows.reshape(num_heads, 3, -1, *rows.shape[1:]).transpose(0, 1).reshape(rows.shape)


def _without_ones(name: str, tensor: Tensor) -> Tensor:
    count = LEADING_ONES.get(name, 0)
    return tensor.reshape(tensor.shape[count:]) if count and tensor.shape[:count] == (1,) * count else tensor
