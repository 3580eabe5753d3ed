"""What a CLIP folder's config.json says of its towers. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import Epsilon, HFConfig, NumLayers, Size, parse_config
from emma_eval.utils.json_io import read_json_object


class ClipTowerConfig(HFConfig):
    """A tower's shape and constants, with transformers' names and defaults."""

    hidden_size: Size
    intermediate_size: Size
    num_attention_heads: Size
    num_hidden_layers: NumLayers = 12
    hidden_act: Literal["quick_gelu", "gelu"] = "quick_gelu"
    layer_norm_eps: Epsilon = 1e-5

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"hidden_size {self.hidden_size} does not split into {self.num_attention_heads} heads")
        return self


class ClipVisionConfig(ClipTowerConfig):
    """The vision tower. Its input is RGB."""

    hidden_size: Size = 768
    intermediate_size: Size = 3072
    num_attention_heads: Size = 12
    image_size: Size = 224  # pixels a side
    patch_size: Size = 32
    num_channels: Literal[3] = 3

    @property
    def num_patches(self) -> int:
        """How many patches an image has."""
        return int((self.image_size // self.patch_size) ** 2)

    @model_validator(mode="after")
    def _has_patches(self) -> Self:
        if not self.num_patches:
            raise ValueError(f"an image of image_size {self.image_size} holds no patch")
        return self


class ClipTextConfig(ClipTowerConfig):
    """The text tower."""

    hidden_size: Size = 512
    intermediate_size: Size = 2048
    num_attention_heads: Size = 8
    max_position_embeddings: Size = 77
    vocab_size: Size = 49_408


class ClipConfig(HFConfig):
    """A folder with both towers. OpenAI's own files describe each twice: what stands under `_dict` counts."""

    model_type: Literal["clip", "clip_vision_model"]
    vision_config: dict[str, Any] = Field(default_factory=dict)
    vision_config_dict: dict[str, Any] = Field(default_factory=dict)
    text_config: dict[str, Any] = Field(default_factory=dict)
    text_config_dict: dict[str, Any] = Field(default_factory=dict)


def read_clip_config(folder: Path) -> tuple[ClipVisionConfig, ClipTextConfig | None]:
    """The towers' configurations; None for the text tower of a folder that holds the vision tower alone.

    Raises UserError naming the file and the key at fault.
    """
    path = folder / "config.json"
    content = read_json_object(path)
    if content.get("quantization_config") is not None:
        raise UserError(f"{path}: quantization_config is not supported; take CLIP in float16 or float32")
    clip = parse_config(ClipConfig, content, path)
    if clip.model_type == "clip_vision_model":
        return parse_config(ClipVisionConfig, content, path), None
    vision, text = clip.vision_config | clip.vision_config_dict, clip.text_config | clip.text_config_dict
    return parse_config(ClipVisionConfig, vision, path), parse_config(ClipTextConfig, text, path)
