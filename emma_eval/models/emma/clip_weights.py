"""CLIP's weights as transformers' folders name them, to our towers, cut after the layer that EMMA reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.emma.checkpoint import read_tensors, take
from emma_eval.models.emma.clip import ClipTowers
from emma_eval.models.emma.clip_config import TextConfig, TowerConfig, VisionConfig, read_clip_config
from emma_eval.models.emma.instruction import CONTEXT_LENGTH, VOCABULARY
from emma_eval.models.folders import shard_files

VISION = {
    "embeddings.class_embedding": "class_token",
    "embeddings.patch_embedding.weight": "patches.weight",
    "embeddings.position_embedding.weight": "positions",
    "pre_layrnorm.weight": "first_norm.weight",
    "pre_layrnorm.bias": "first_norm.bias",
}
TEXT = {
    "embeddings.token_embedding.weight": "tokens",
    "embeddings.position_embedding.weight": "positions",
}
BLOCK = {
    "layer_norm1": "attention_norm",
    "self_attn.out_proj": "out",
    "layer_norm2": "mlp_norm",
    "mlp.fc1": "up",
    "mlp.fc2": "down",
}
QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")


def load_towers(folder: Path, vision_layer: int, text_layer: int | None, override: Mapping[str, Tensor]) -> ClipTowers:
    """Read the towers of a CLIP folder; `text_layer` None leaves the text tower out.

    Tensors in `override` (named as in the folder: vision_model.*, text_model.*) replace the folder's. Raises
    UserError for a missing file or tensor, a tensor of the wrong shape, or a layer that the tower does not have.
    """
    vision, text = read_clip_config(folder)
    files = shard_files(folder)
    source = files[0] if len(files) == 1 else folder
    tensors = read_tensors(files) | dict(override)
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
    theirs = take(tensors, _shapes(vision, text), source)
    towers.load_state_dict({name: value.float() for name, value in _ours(vision, text, theirs)}, assign=True)
    return towers


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


def _shapes(vision: VisionConfig, text: TextConfig | None) -> dict[str, torch.Size]:
    """The tensors that the folder must hold."""
    width, patch = vision.tower.width, vision.patch_size
    embeddings: tuple[tuple[int, ...], ...] = ((width,), (width, vision.channels, patch, patch))
    embeddings += ((1 + vision.patches, width), (width,), (width,))
    shapes = {f"vision_model.{name}": shape for name, shape in zip(VISION, embeddings, strict=True)}
    shapes |= _block_shapes("vision_model.", vision.tower)
    if text:
        sizes = (text.vocabulary, text.positions)
        shapes |= {f"text_model.{name}": (size, text.tower.width) for name, size in zip(TEXT, sizes, strict=True)}
        shapes |= _block_shapes("text_model.", text.tower)
    return {name: torch.Size(shape) for name, shape in shapes.items()}


def _block_shapes(tower: str, config: TowerConfig) -> dict[str, tuple[int, ...]]:
    width, mlp = config.width, config.mlp_width
    square, norm = (width, width), (width,)
    weights = {"layer_norm1": norm, "self_attn.out_proj": square, "layer_norm2": norm}
    weights |= {"mlp.fc1": (mlp, width), "mlp.fc2": (width, mlp)} | dict.fromkeys(QKV, square)
    shapes = {}
    for index in range(config.layers):
        for name, shape in weights.items():
            shapes[f"{tower}encoder.layers.{index}.{name}.weight"] = shape
            shapes[f"{tower}encoder.layers.{index}.{name}.bias"] = shape[:1]
    return shapes


def _ours(vision: VisionConfig, text: TextConfig | None, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Our parameters by name."""
    yield from ((f"vision.{ours}", tensors[f"vision_model.{name}"]) for name, ours in VISION.items())
    yield from _blocks("vision", vision.tower, tensors)
    if text:
        yield from ((f"text.{ours}", tensors[f"text_model.{name}"]) for name, ours in TEXT.items())
        yield from _blocks("text", text.tower, tensors)


def _blocks(tower: str, config: TowerConfig, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for index in range(config.layers):
        for kind in ("weight", "bias"):
            named = {name: tensors[f"{tower}_model.encoder.layers.{index}.{name}.{kind}"] for name in (*BLOCK, *QKV)}
            yield f"{tower}.blocks.{index}.qkv.{kind}", torch.cat([named[name] for name in QKV])
            for name, ours in BLOCK.items():
                yield f"{tower}.blocks.{index}.{ours}.{kind}", named[name]
