"""CLIP's two towers, only as deep as EMMA reads them: from a transformers checkpoint, or from open_clip.

Hidden state k is the output of block k (0: the embeddings), so a tower cut after the selected layer gives it as its
last hidden state. Neither tower's final layer norm is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel

from emma_eval.errors import UserError
from emma_eval.json_file import read_object
from emma_eval.models.emma.checkpoint import read_tensors, take
from emma_eval.models.emma.instruction import CONTEXT_LENGTH, VOCABULARY
from emma_eval.models.folders import shard_files
from emma_eval.text import in_one_line


class Towers(Protocol):
    """What EMMA needs of CLIP. N patches of width Dv, 77 text positions of width Dt."""

    image_size: int
    patches: int  # N
    width: int  # Dv
    text_width: int  # Dt

    def vision_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> the selected hidden state, class token first: (B, 1 + N, Dv)."""
        ...

    def text_features(self, ids: Tensor) -> Tensor:
        """Ids (B, 77) -> the selected hidden state, causal and without padding mask: (B, 77, Dt)."""
        ...


class TransformersTowers(nn.Module):
    """The towers of a transformers CLIP checkpoint; `text` is None for plain LLaVA."""

    def __init__(self, vision: nn.Module, text: nn.Module | None) -> None:
        super().__init__()
        self.vision, self.text = vision, text
        config = cast(Any, vision.config)
        self.image_size: int = config.image_size
        self.patches: int = (config.image_size // config.patch_size) ** 2
        self.width: int = config.hidden_size
        self.text_width: int = cast(Any, text.config).hidden_size if text else 0

    def vision_features(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        return cast(Tensor, self.vision(pixels).last_hidden_state)

    def text_features(self, ids: Tensor) -> Tensor:
        """See Towers."""
        assert self.text is not None
        return cast(Tensor, self.text(ids).last_hidden_state)


def load_towers(
    folder: Path, vision_layer: int, text_layer: int | None, override: Mapping[str, Tensor]
) -> TransformersTowers:
    """Read the towers of a CLIP folder; `text_layer` None leaves the text tower out.

    Tensors in `override` (named as in the folder: vision_model.*, text_model.*) replace the folder's. Raises
    UserError for a missing file or tensor, a tensor of the wrong shape, or a layer that the tower does not have.
    """
    vision_config, text_config = _configs(folder)
    files = shard_files(folder)
    source = files[0] if len(files) == 1 else folder
    tensors = read_tensors(files) | dict(override)
    _cut(vision_config, vision_layer, "mm_vision_select_layer", folder)
    vision = _build(CLIPVisionModel, vision_config, tensors, "vision_model.", source)
    if text_layer is None:
        return TransformersTowers(vision, None)
    if text_config is None:
        raise UserError(f"{folder / 'config.json'} describes a vision tower alone; EMMA needs CLIP's text tower too")
    check_text_tower(text_config.max_position_embeddings, text_config.vocab_size, folder / "config.json")
    _cut(text_config, text_layer, "mm_text_select_layer", folder)
    text = _build(CLIPTextModel, text_config, tensors, "text_model.", source)
    getattr(text, "text_model", text).final_layer_norm = nn.Identity()
    return TransformersTowers(vision, text)


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


def _configs(folder: Path) -> tuple[Any, Any | None]:
    path = folder / "config.json"
    raw = read_object(path)
    try:
        if raw.get("model_type") == "clip_vision_model":
            return CLIPVisionConfig.from_dict(raw), None
        config = CLIPConfig.from_dict(raw)
    except Exception as error:  # transformers has a family of its own for values that don't fit
        raise UserError(f"{path}: {in_one_line(error)}") from error
    if raw.get("model_type") != "clip":
        raise UserError(f"{path}: model_type {raw.get('model_type')!r} is not supported as vision tower (clip is)")
    return config.vision_config, config.text_config


def _cut(config: Any, layer: int, key: str, folder: Path) -> None:
    config.num_hidden_layers = layer_depth(layer, config.num_hidden_layers, key, folder)


def _build(kind: Any, config: Any, tensors: Mapping[str, Tensor], prefix: str, source: Path) -> nn.Module:
    """One tower with its weights. transformers has renamed the towers' own prefix over time, the files have not."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in kind(config).state_dict().items()}
    expected = {prefix + name.removeprefix(prefix): shape for name, shape in shapes.items()}
    found = take(tensors, expected, source)
    state = {name: found[prefix + name.removeprefix(prefix)] for name in shapes}
    return from_state(kind, config, state, torch.float32)


def from_state(kind: Any, config: Any, state: Mapping[str, Tensor], dtype: torch.dtype) -> nn.Module:
    """A transformers model around given tensors, without the random initialisation that construction costs."""
    model = kind.from_pretrained(None, config=config, state_dict=state, dtype=dtype, attn_implementation="sdpa")
    return cast(nn.Module, model.eval())
