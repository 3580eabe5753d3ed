"""CLIP's weights as transformers' folders name them, loaded into our towers up to the selected layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import weight_files
from emma_eval.models.checkpoints.state_dict import (
    SkipInitialization,
    concatenated,
    equal_up_to_rounding,
    parts_of_parameters,
    read_tensors,
)
from emma_eval.models.checkpoints.unused_tensors import is_clip_tensor, refuse_unused
from emma_eval.models.clip.config import ClipTextConfig, ClipVisionConfig, read_clip_config
from emma_eval.models.clip.model import ClipTowers
from emma_eval.models.clip.text_tokenizer import CONTEXT_LENGTH, VOCAB_SIZE

# Names in our modules -> names in the folder, below `vision_model.` or `text_model.`.
EMBEDDINGS = {
    "class_embedding": "embeddings.class_embedding",
    "patch_embedding.weight": "embeddings.patch_embedding.weight",
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "position_embedding.weight": "embeddings.position_embedding.weight",
    "pre_layernorm.weight": "pre_layrnorm.weight",  # spelt like this in transformers
    "pre_layernorm.bias": "pre_layrnorm.bias",
}
# Modules of a layer; several stored ones are concatenated along the output dimension.
LAYER_MODULES = {
    "attention_norm": ("layer_norm1",),
    "qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out_proj": ("self_attn.out_proj",),
    "mlp_norm": ("layer_norm2",),
    "fc1": ("mlp.fc1",),
    "fc2": ("mlp.fc2",),
}


def load_towers(
    folder: Path, vision_layer: int, text_layer: int | None, override: Mapping[str, Tensor], *, partial: bool = False
) -> ClipTowers:
    """Load the towers of a CLIP folder, in float32; without the text tower where `text_layer` is None.

    Tensors in `override` (named as in the folder: vision_model.*, text_model.*) replace the folder's; a whole tower of
    it unless they are `partial`. Raises UserError for a missing file or tensor, a tensor of the wrong shape, or a layer
    that the tower does not have.
    """
    vision, text = read_clip_config(folder)
    files = weight_files(folder)
    source = files[0] if len(files) == 1 else folder
    stored = read_tensors(files)
    depths = vision.num_hidden_layers, text.num_hidden_layers if text else 0
    refuse_unused((name for name in stored if not is_clip_tensor(name, *depths)), source)
    overridden = () if partial else tuple({f"{name.partition('.')[0]}." for name in override})
    tensors = {name: value for name, value in stored.items() if not name.startswith(overridden)} | dict(override)
    depth = num_layers_up_to(vision_layer, vision.num_hidden_layers, "mm_vision_select_layer", folder)
    vision = vision.model_copy(update={"num_hidden_layers": depth})
    if text_layer is None:
        text = None
    elif text is None:
        raise UserError(f"{folder / 'config.json'} describes a vision tower alone; EMMA needs CLIP's text tower too")
    else:
        check_text_tower(text.max_position_embeddings, text.vocab_size, folder / "config.json")
        depth = num_layers_up_to(text_layer, text.num_hidden_layers, "mm_text_select_layer", folder)
        text = text.model_copy(update={"num_hidden_layers": depth})
    return build_towers(vision, text, tensors, source)


def build_towers(
    vision: ClipVisionConfig, text: ClipTextConfig | None, tensors: Mapping[str, Tensor], source: Path
) -> ClipTowers:
    """Towers of so many layers in float32, their tensors named as in a CLIP folder.

    Raises UserError for a tensor that is missing or of the wrong shape.
    """
    with torch.device("meta"), SkipInitialization():
        towers = ClipTowers(vision, text)
    parts = parts_of_parameters(towers, _stored_names, tensors, source)
    towers.load_state_dict({name: concatenated(of).float() for name, of in parts.items()}, assign=True)
    return towers


def first_difference(towers: ClipTowers, copy: Mapping[str, Tensor]) -> str | None:
    """The first tensor of a copy that differs from the towers' own by more than rounding; missing ones are skipped.

    The copy's tensors are named as a CLIP folder names them.
    """
    for name, own in towers.state_dict().items():
        names = _stored_names(name)
        if any(part not in copy for part in names):
            continue
        if not equal_up_to_rounding(concatenated([copy[part] for part in names]), own):
            return names[0]
    return None


def num_layers_up_to(layer: int, num_layers: int, key: str, source: Path | str) -> int:
    """How many layers are computed for hidden state `layer` of a tower with `num_layers` (and one state more).

    Raises UserError, naming `key` of config.json, for a state that the tower of `source` does not have.
    """
    depth = layer if layer >= 0 else num_layers + 1 + layer
    if not 0 <= depth <= num_layers:
        raise UserError(f"config.json: {key} {layer} does not exist, {source} has {num_layers} layers")
    return depth


def check_text_tower(num_positions: int, vocab_size: int, source: Path | str) -> None:
    """Raise UserError for a text tower that is too small for EMMA's instruction ids."""
    if num_positions < CONTEXT_LENGTH or vocab_size < VOCAB_SIZE:
        raise UserError(
            f"{source}: the text tower reads {num_positions} positions of {vocab_size} ids; "
            f"EMMA's instruction has {CONTEXT_LENGTH} of {VOCAB_SIZE}"
        )


def _stored_names(name: str) -> tuple[str, ...]:
    """The folder's tensors that are concatenated in one of our parameters."""
    tower, _, path = name.partition(".")
    if path in EMBEDDINGS:
        return (f"{tower}_model.{EMBEDDINGS[path]}",)
    _, index, module, kind = path.split(".")  # layers.3.qkv_proj.weight
    return tuple(f"{tower}_model.encoder.layers.{index}.{stored}.{kind}" for stored in LAYER_MODULES[module])
