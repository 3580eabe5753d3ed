"""What a checkpoint's config.json says, checked and with the defaults of the reference. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.json_file import read_object
from emma_eval.models.emma.llama_config import LlamaConfig, read_llama_config
from emma_eval.models.emma.settings import Settings

# Which of CLIP's 77 text positions enter the alignment. An unknown or missing value means all of them.
TEXT_POSITIONS = {"cls_patch": slice(0, 77), "patch": slice(1, 77), "cls": slice(0, 1)}
PROJECTORS = ("linear", "mlp2x_gelu")


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
    max_length: int | None  # sequences with pictures are cut here, on the right
    tower_in_shards: bool  # unfreeze_mm_vision_tower: the shards' copy of CLIP and alignment wins
    adds_patch_token: bool
    stored_dtype: str
    eos_ids: frozenset[int]
    alignment: AlignmentConfig | None  # None: plain LLaVA
    llama: LlamaConfig


def read_config(folder: Path) -> EmmaConfig:
    """Read config.json and generation_config.json. Raises UserError naming the file and the key at fault."""
    path = folder / "config.json"
    raw = read_object(path)
    settings = Settings(path, raw)
    if (tower := settings.take("mm_vision_tower", str, None)) is None:
        raise UserError(f"{path}: no mm_vision_tower, so this is not a LLaVA or EMMA checkpoint")
    config = EmmaConfig(
        path=path,
        vision_tower=tower,
        vision_layer=settings.take("mm_vision_select_layer", int, -2),
        keep_class_token=settings.take("mm_vision_select_feature", str, "patch") == "cls_patch",
        projector=settings.take("mm_projector_type", str, "linear"),
        pad_to_square=raw.get("image_aspect_ratio") == "pad",
        max_length=settings.take("tokenizer_model_max_length", int, None),
        tower_in_shards=settings.take("unfreeze_mm_vision_tower", bool, False),
        adds_patch_token=settings.take("mm_use_im_patch_token", bool, True),
        stored_dtype=str(raw.get("torch_dtype") or raw.get("dtype") or "float32").removeprefix("torch."),
        eos_ids=_eos_ids(folder, raw),
        alignment=_alignment(settings, folder),
        llama=read_llama_config(settings),
    )
    _refuse_unsupported(raw, config)
    return config


def _alignment(settings: Settings, folder: Path) -> AlignmentConfig | None:
    """EMMA's part, or None for plain LLaVA: a folder that neither says encoder_version nor has vision_tower.bin."""
    version = settings.take("encoder_version", str, None)
    if version is None and not (folder / "vision_tower.bin").is_file():
        return None
    feature = settings.take("mm_text_select_feature", str, "cls_patch")
    return AlignmentConfig(
        version=version or "v1",
        text_layer=settings.take("mm_text_select_layer", int, -2),
        text_positions=TEXT_POSITIONS.get(feature, TEXT_POSITIONS["cls_patch"]),
    )


def _refuse_unsupported(raw: Mapping[str, Any], config: EmmaConfig) -> None:
    """Settings of other models in this family, which would otherwise be answered wrongly without a word."""
    version = config.alignment.version if config.alignment else "v1"
    refusals = {
        f"encoder_version {version!r} (v1 and v3 are; v2 cannot run in the reference either)": version
        not in ("v1", "v3"),
        f"mm_projector_type {config.projector!r} ({' and '.join(PROJECTORS)} are)": config.projector not in PROJECTORS,
        "num_learnable_tokens other than 0": raw.get("num_learnable_tokens") not in (None, 0),
        "mm_use_im_start_end: true": bool(raw.get("mm_use_im_start_end")),
        "image_aspect_ratio 'anyres' (LLaVA-1.6's)": raw.get("image_aspect_ratio") == "anyres",
        "s2: true": bool(raw.get("s2")),
        "mm_vision_select_feature 'cls_patch' with an alignment module": bool(config.alignment)
        and config.keep_class_token,
    }
    for setting, present in refusals.items():
        if present:
            raise UserError(f"{config.path}: {setting} is not supported")


def _eos_ids(folder: Path, raw: Mapping[str, Any]) -> frozenset[int]:
    """The ids that end an answer: generation_config.json's, as in the reference, else config.json's, else 2."""
    path = folder / "generation_config.json"
    generation = read_object(path) if path.is_file() else {}
    ids = next((source["eos_token_id"] for source in (generation, raw) if source.get("eos_token_id") is not None), 2)
    ids = ids if isinstance(ids, list) else [ids]
    if not all(isinstance(one, int) for one in ids):
        raise UserError(f"{path if path.is_file() else folder / 'config.json'}: eos_token_id must be an integer")
    return frozenset(ids)
