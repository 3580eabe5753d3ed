"""CLIP's weights as transformers' folders name them, to our towers, cut after the layer that EMMA reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import shard_files
from emma_eval.models.checkpoints.state_dict import joined, parts_of, read_tensors
from emma_eval.models.checkpoints.unused_tensors import is_of_clip, refuse_leftovers
from emma_eval.models.clip.config import TowerConfig, read_clip_config
from emma_eval.models.clip.model import ClipTowers
from emma_eval.models.clip.text_tokenizer import CONTEXT_LENGTH, VOCABULARY

OUTSIDE = {
    "class_embedding": "embeddings.class_embedding",
    "patch_embedding.weight": "embeddings.patch_embedding.weight",
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "position_embedding.weight": "embeddings.position_embedding.weight",
    "pre_layernorm.weight": "pre_layrnorm.weight",  # so it is spelt
    "pre_layernorm.bias": "pre_layrnorm.bias",
}
IN_LAYER = {
    "attention_norm": ("layer_norm1",),
    "qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out_proj": ("self_attn.out_proj",),
    "mlp_norm": ("layer_norm2",),
    "fc1": ("mlp.fc1",),
    "fc2": ("mlp.fc2",),
}


def load_towers(folder: Path, vision_layer: int, text_layer: int | None, override: Mapping[str, Tensor]) -> ClipTowers:
    """Read the towers of a CLIP folder; `text_layer` None leaves the text tower out.

    Tensors in `override` (named as in the folder: vision_model.*, text_model.*) replace the folder's. Raises
    UserError for a missing file or tensor, a tensor of the wrong shape, or a layer that the tower does not have.
    """
    vision, text = read_clip_config(folder)
    files = shard_files(folder)
    source = files[0] if len(files) == 1 else folder
    stored = read_tensors(files)
    layers = vision.tower.layers, text.tower.layers if text else 0
    refuse_leftovers((name for name in stored if not is_of_clip(name, *layers)), source)
    replaced = tuple({f"{name.partition('.')[0]}." for name in override})  # a tower is taken from one place whole
    tensors = {name: value for name, value in stored.items() if not name.startswith(replaced)} | dict(override)
    vision = replace(vision, tower=_cut(vision.tower, vision_layer, "mm_vision_select_layer", folder))
    if text_layer is None:
        text = None
    elif text is None:
        raise UserError(f"{folder / 'config.json'} describes a vision tower alone; EMMA needs CLIP's text tower too")
    else:
        check_text_tower(text.positions, text.vocabulary, folder / "config.json")
        text = replace(text, tower=_cut(text.tower, text_layer, "mm_text_select_layer", folder))
    with torch.device("meta"):
        towers = ClipTowers(vision, text)
    parts = parts_of(towers, _stored_names, tensors, source)
    towers.load_state_dict({name: joined(of).float() for name, of in parts.items()}, assign=True)
    return towers


def unlike(towers: ClipTowers, copy: Mapping[str, Tensor]) -> str | None:
    """The first tensor of a copy that differs from the towers' own by more than rounding; those that lack are passed.

    The copy's tensors are named as a CLIP folder names them.
    """
    for name, own in towers.state_dict().items():
        names = _stored_names(name)
        if any(part not in copy for part in names):
            continue
        theirs = joined([copy[part] for part in names]).float()
        if theirs.shape != own.shape or not torch.allclose(theirs, own, rtol=2**-7, atol=1e-6):
            return names[0]
    return None


def layer_depth(layer: int, layers: int, key: str, source: Path | str) -> int:
    """How many blocks lead to hidden state `layer` of a tower with `layers` blocks (layers + 1 states)."""
    depth = layer if layer >= 0 else layers + 1 + layer
    if not 0 <= depth <= layers:
        raise UserError(f"config.json: {key} {layer} does not exist, {source} has {layers} layers")
    return depth


def check_text_tower(positions: int, vocabulary: int, source: Path | str) -> None:
    """Raise UserError for a text tower that is too small for EMMA's instruction ids."""
    if positions < CONTEXT_LENGTH or vocabulary < VOCABULARY:
        raise UserError(
            f"{source}: the text tower reads {positions} positions of {vocabulary} ids; "
            f"EMMA's instruction has {CONTEXT_LENGTH} of {VOCABULARY}"
        )


def _cut(tower: TowerConfig, layer: int, key: str, folder: Path) -> TowerConfig:
    return replace(tower, layers=layer_depth(layer, tower.layers, key, folder))


def _stored_names(name: str) -> tuple[str, ...]:
    """The folder's tensors that one of our parameters joins."""
    tower, _, inside = name.partition(".")
    if inside in OUTSIDE:
        return (f"{tower}_model.{OUTSIDE[inside]}",)
    _, index, part, kind = inside.split(".")  # layers.3.qkv_proj.weight
    return tuple(f"{tower}_model.encoder.layers.{index}.{theirs}.{kind}" for theirs in IN_LAYER[part])
