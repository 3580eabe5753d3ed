"""What a CLIP folder's config.json says of its towers, with transformers' defaults. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import MOST_LAYERS, Settings
from emma_eval.utils.json_io import read_json_object

ACTIVATIONS = ("quick_gelu", "gelu")  # those that `clip` knows


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """A transformer's shape and constants."""

    width: int
    layers: int
    heads: int
    mlp_width: int
    activation: str = "quick_gelu"
    epsilon: float = 1e-5  # of the norms


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """The vision tower."""

    tower: TowerConfig
    image_size: int  # pixels a side
    patch_size: int
    channels: int = 3

    @property
    def patches(self) -> int:
        """How many patches an image has."""
        return int((self.image_size // self.patch_size) ** 2)


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The text tower."""

    tower: TowerConfig
    positions: int
    vocabulary: int


def read_clip_config(folder: Path) -> tuple[VisionConfig, TextConfig | None]:
    """The towers' configurations; None for the text tower of a folder that holds the vision tower alone.

    Raises UserError naming the file and the key at fault.
    """
    path = folder / "config.json"
    settings = Settings(path, read_json_object(path))
    kind = settings.take("model_type", str, None)
    if settings.raw.get("quantization_config") is not None:
        raise UserError(f"{path}: quantization_config is not supported; take CLIP in float16 or float32")
    if kind == "clip_vision_model":
        return _vision(settings), None
    if kind != "clip":
        raise UserError(f"{path}: model_type {kind!r} is not supported as vision tower (clip is)")
    return _vision(_part(settings, "vision_config")), _text(_part(settings, "text_config"))


def _part(settings: Settings, key: str) -> Settings:
    """OpenAI's own files say a part twice; the one under `_dict` is what was changed."""
    return Settings(settings.path, {**settings.part(key).raw, **settings.part(f"{key}_dict").raw})


def _vision(settings: Settings) -> VisionConfig:
    config = VisionConfig(
        tower=_tower(settings, width=768, heads=12, mlp_width=3072),
        image_size=settings.count("image_size", 224),
        patch_size=settings.count("patch_size", 32),
        channels=settings.count("num_channels", 3),
    )
    if config.channels != 3:
        raise UserError(f"{settings.path}: num_channels {config.channels} is not supported (3: images are RGB)")
    if not config.patches:
        raise UserError(f"{settings.path}: an image of image_size {config.image_size} holds no patch")
    return config


def _text(settings: Settings) -> TextConfig:
    return TextConfig(
        tower=_tower(settings, width=512, heads=8, mlp_width=2048),
        positions=settings.count("max_position_embeddings", 77),
        vocabulary=settings.count("vocab_size", 49_408),
    )


def _tower(settings: Settings, width: int, heads: int, mlp_width: int) -> TowerConfig:
    config = TowerConfig(
        width=settings.count("hidden_size", width),
        layers=settings.count("num_hidden_layers", 12, MOST_LAYERS),
        heads=settings.count("num_attention_heads", heads),
        mlp_width=settings.count("intermediate_size", mlp_width),
        activation=settings.take("hidden_act", str, "quick_gelu"),
        epsilon=settings.number("layer_norm_eps", 1e-5, above=0, most=0.1),
    )
    if config.width % config.heads:
        raise UserError(f"{settings.path}: hidden_size {config.width} does not split into {config.heads} heads")
    if config.activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise UserError(f"{settings.path}: hidden_act {config.activation!r} is not supported ({known})")
    return config
