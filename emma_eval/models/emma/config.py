"""What a checkpoint's config.json and generation_config.json say. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AliasChoices, Field

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.generation_config import read_eos_ids
from emma_eval.models.checkpoints.hf_config import HFConfig, LayerIndex, TorchDtype, parse_config
from emma_eval.models.emma.supported import is_mistral, refuse_unsupported
from emma_eval.models.llama.config import LlamaConfig, MistralConfig
from emma_eval.utils.json_io import read_json_object

if TYPE_CHECKING:
    from emma_eval.models.clip.image_processor import Squaring

# Which of CLIP's 77 text positions enter the alignment. An unknown or missing value means all of them.
TEXT_POSITIONS = {"cls_patch": slice(0, 77), "patch": slice(1, 77), "cls": slice(0, 1)}
EMMA_KEYS = ("encoder_version", "num_learnable_tokens", "mm_text_select_layer", "mm_text_select_feature")


class LlavaConfig(HFConfig):
    """The multimodal settings, with LLaVA's names and the defaults of the reference."""

    mm_vision_tower: str  # folder, hub name, or open_clip:ARCH/PRETRAINED
    mm_vision_select_layer: LayerIndex = -2
    mm_vision_select_feature: Literal["patch", "cls_patch"] = "patch"  # cls_patch: with the class token
    mm_projector_type: Literal["linear", "mlp2x_gelu"] = "linear"
    mm_use_im_patch_token: bool = True  # <im_patch> is in the vocabulary
    image_aspect_ratio: Literal["pad", "square"] = "square"  # pad: padded to a square, not cropped
    tokenizer_model_max_length: Annotated[int, Field(ge=1)] | None = None  # sequences with images are cut on the right
    unfreeze_mm_vision_tower: bool = False  # the shards' copy of CLIP and alignment is the trained one
    torch_dtype: TorchDtype = Field("float32", validation_alias=AliasChoices("torch_dtype", "dtype"))

    @property
    def keeps_class_token(self) -> bool:
        """Whether the class token is among an image's tokens."""
        return self.mm_vision_select_feature == "cls_patch"

    @property
    def squaring(self) -> Squaring:
        """How images are made squares before they are resized."""
        return "pad" if self.image_aspect_ratio == "pad" else "none"


class AlignmentConfig(HFConfig):
    """EMMA's own settings, which plain LLaVA does not have."""

    encoder_version: Literal["v1", "v3"] = "v1"  # v3 has learnable tokens; v2 cannot run in the reference either
    mm_text_select_layer: LayerIndex = -2
    mm_text_select_feature: str = "cls_patch"

    @property
    def text_positions(self) -> slice:
        """Which of the 77 text positions enter the alignment."""
        return TEXT_POSITIONS.get(self.mm_text_select_feature, TEXT_POSITIONS["cls_patch"])


@dataclass(frozen=True, slots=True)
class EmmaConfig:
    """A checkpoint's configuration."""

    path: Path  # config.json, for messages
    llava: LlavaConfig
    alignment: AlignmentConfig | None  # None: plain LLaVA
    llama: LlamaConfig
    eos_ids: frozenset[int]


def read_config(folder: Path, base: Path | None = None) -> EmmaConfig:
    """Read config.json, and generation_config.json: that of the base, for a LoRA folder.

    Raises UserError naming the file and the key at fault.
    """
    path = folder / "config.json"
    content = read_json_object(path)
    refuse_unsupported(content, path, known={*LlavaConfig.model_fields, *AlignmentConfig.model_fields})
    if content.get("mm_vision_tower") is None:
        raise UserError(f"{path}: no mm_vision_tower, so this is not a LLaVA or EMMA checkpoint")
    llava = parse_config(LlavaConfig, content, path)
    # A folder that has neither one of EMMA's keys nor vision_tower.bin is plain LLaVA.
    is_emma = any(content.get(key) is not None for key in EMMA_KEYS) or (folder / "vision_tower.bin").is_file()
    if is_emma and llava.keeps_class_token:
        raise UserError(f"{path}: mm_vision_select_feature 'cls_patch' with an alignment module is not supported")
    return EmmaConfig(
        path=path,
        llava=llava,
        alignment=parse_config(AlignmentConfig, content, path) if is_emma else None,
        llama=parse_config(MistralConfig if is_mistral(content) else LlamaConfig, content, path),
        eos_ids=read_eos_ids(base or folder, content, path),
    )
