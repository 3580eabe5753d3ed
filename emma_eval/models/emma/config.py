"""What a checkpoint's config.json says, checked and with the defaults of the reference. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import MOST_LAYERS, Settings
from emma_eval.models.emma.supported import (
    ASPECT_RATIOS,
    DTYPES,
    PROJECTORS,
    VISION_FEATURES,
    refuse_unsupported,
)
from emma_eval.models.llama.config import LlamaConfig, read_llama_config
from emma_eval.utils.json_io import read_json_object

# Which of CLIP's 77 text positions enter the alignment. An unknown or missing value means all of them.
TEXT_POSITIONS = {"cls_patch": slice(0, 77), "patch": slice(1, 77), "cls": slice(0, 1)}
EMMA_KEYS = ("encoder_version", "num_learnable_tokens", "mm_text_select_layer", "mm_text_select_feature")
VERSIONS = ("v1", "v3")


@dataclass(frozen=True, slots=True)
class AlignmentConfig:
    """The part of the configuration that plain LLaVA does not have."""

    version: str  # "v1", or "v3" with learnable tokens
    text_layer: int  # index into CLIP's text hidden states
    text_positions: slice  # which of the 77 positions are used


@dataclass(frozen=True, slots=True)
class EmmaConfig:
    """A checkpoint's config.json."""

    path: Path  # the file, for messages
    vision_tower: str  # folder, hub name, or open_clip:ARCH/PRETRAINED
    vision_layer: int  # index into CLIP's vision hidden states
    keep_class_token: bool  # mm_vision_select_feature: cls_patch
    projector: str
    pad_to_square: bool
    max_length: int | None  # sequences with images are cut here, on the right
    tower_in_shards: bool  # unfreeze_mm_vision_tower: the shards' copy of CLIP and alignment wins
    adds_patch_token: bool
    stored_dtype: str
    eos_ids: frozenset[int]
    alignment: AlignmentConfig | None  # None: plain LLaVA
    llama: LlamaConfig


def read_config(folder: Path) -> EmmaConfig:
    """Read config.json and generation_config.json. Raises UserError naming the file and the key at fault."""
    path = folder / "config.json"
    raw = read_json_object(path)
    settings = Settings(path, raw)
    refuse_unsupported(settings)
    if (tower := settings.take("mm_vision_tower", str, None)) is None:
        raise UserError(f"{path}: no mm_vision_tower, so this is not a LLaVA or EMMA checkpoint")
    config = EmmaConfig(
        path=path,
        vision_tower=tower,
        vision_layer=_layer(settings, "mm_vision_select_layer"),
        keep_class_token=settings.choice("mm_vision_select_feature", VISION_FEATURES, "patch") == "cls_patch",
        projector=settings.choice("mm_projector_type", PROJECTORS, "linear"),
        pad_to_square=settings.choice("image_aspect_ratio", ASPECT_RATIOS, "square") == "pad",
        max_length=_max_length(settings),
        tower_in_shards=settings.take("unfreeze_mm_vision_tower", bool, False),
        adds_patch_token=settings.take("mm_use_im_patch_token", bool, True),
        stored_dtype=_stored_dtype(settings),
        eos_ids=_eos_ids(folder, raw),
        alignment=_alignment(settings, folder),
        llama=read_llama_config(settings),
    )
    if config.alignment and config.keep_class_token:
        raise UserError(f"{path}: mm_vision_select_feature 'cls_patch' with an alignment module is not supported")
    return config


def _alignment(settings: Settings, folder: Path) -> AlignmentConfig | None:
    """EMMA's part, or None for plain LLaVA: a folder that has neither one of EMMA's keys nor vision_tower.bin."""
    named = any(settings.raw.get(key) is not None for key in EMMA_KEYS)
    if not named and not (folder / "vision_tower.bin").is_file():
        return None
    version = settings.take("encoder_version", str, "v1")
    if version not in VERSIONS:
        raise UserError(
            f"{settings.path}: encoder_version {version!r:.60} is not supported "
            "(v1 and v3 are; v2 cannot run in the reference either)"
        )
    feature = settings.take("mm_text_select_feature", str, "cls_patch")
    return AlignmentConfig(
        version=version,
        text_layer=_layer(settings, "mm_text_select_layer"),
        text_positions=TEXT_POSITIONS.get(feature, TEXT_POSITIONS["cls_patch"]),
    )


def _layer(settings: Settings, key: str) -> int:
    layer = settings.take(key, int, -2)
    if abs(layer) > MOST_LAYERS:
        raise UserError(f"{settings.path}: {key} {layer!r:.60} is no layer that a tower has")
    return layer


def _max_length(settings: Settings) -> int | None:
    """tokenizer_model_max_length; a length beyond all sequences, as transformers writes for none, is none."""
    length = settings.take("tokenizer_model_max_length", int, None)
    if length is not None and length < 1:
        raise UserError(f"{settings.path}: tokenizer_model_max_length must be positive, not {length}")
    return length


def _stored_dtype(settings: Settings) -> str:
    key = "torch_dtype" if settings.raw.get("torch_dtype") else "dtype"
    name = settings.take(key, str, "float32").removeprefix("torch.")
    if name not in DTYPES:
        raise UserError(f"{settings.path}: {key} {name!r:.60} is not supported ({', '.join(DTYPES)})")
    return name


def _eos_ids(folder: Path, raw: Mapping[str, Any]) -> frozenset[int]:
    """The ids that end an answer: generation_config.json's, as in the reference, else config.json's, else 2."""
    path = folder / "generation_config.json"
    generation = read_json_object(path) if path.is_file() else {}
    ids = next((source["eos_token_id"] for source in (generation, raw) if source.get("eos_token_id") is not None), 2)
    ids = ids if isinstance(ids, list) else [ids]
    if not ids or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in ids):
        source = path if generation.get("eos_token_id") is not None else folder / "config.json"
        raise UserError(f"{source}: eos_token_id must be an integer from 0 on, or some, not {ids!r:.60}")
    return frozenset(ids)


def require_in_vocabulary(config: EmmaConfig, vocabulary: int) -> None:
    """Raise UserError for an end id that the model cannot say: its answers would never end."""
    if outside := sorted(one for one in config.eos_ids if one >= vocabulary):
        path = config.path.with_name("generation_config.json")
        raise UserError(
            f"{path if path.is_file() else config.path}: eos_token_id {outside[0]!r:.60} is outside the vocabulary of "
            f"{vocabulary:,} ids, so answers would never end"
        )
