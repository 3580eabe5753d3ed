"""config.json of LLaVA as transformers converts it (LlavaForConditionalGeneration). Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.generation_config import read_eos_ids
from emma_eval.models.checkpoints.hf_config import HFConfig, LayerIndex, parse_config
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.clip.config import ClipVisionConfig
from emma_eval.models.emma.config import EmmaConfig, LlavaConfig
from emma_eval.models.llama.config import LlamaConfig, MistralConfig
from emma_eval.utils.json_io import read_json_object

LANGUAGE_MODELS = {"llama": LlamaConfig, "mistral": MistralConfig}


def _only_one(layer: Any) -> Any:
    """Of a list of layers, whose features are concatenated, the only one."""
    return layer[0] if isinstance(layer, list) and len(layer) == 1 else layer


class ConvertedConfig(HFConfig):
    """The multimodal settings under transformers' names, with its defaults and the values that are computed here."""

    text_config: dict[str, Any] = Field(default_factory=dict)
    vision_config: dict[str, Any]
    vision_feature_layer: Annotated[LayerIndex, BeforeValidator(_only_one)] = -2
    vision_feature_select_strategy: Literal["default", "full"] = "default"  # full: with the class token
    projector_hidden_act: Literal["gelu"] = "gelu"
    multimodal_projector_bias: Literal[True] = True
    image_token_index: Annotated[int, Field(ge=0)] = Field(
        32_000, validation_alias=AliasChoices("image_token_index", "image_token_id")
    )
    tie_word_embeddings: bool = False


class SubConfig(HFConfig):
    """What kind of model a part is."""

    model_type: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """What the configuration files of a conversion say."""

    config: EmmaConfig
    vision: ClipVisionConfig
    image_token_id: int
    image_settings: Mapping[str, Any]  # of the image processor
    image_settings_path: Path  # the file that they are in


def is_conversion(content: Mapping[str, Any]) -> bool:
    """Whether a config.json is of transformers' own LLaVA, whose model_type older LLaVAs share."""
    names = content.get("architectures")
    is_named = isinstance(names, list) and "LlavaForConditionalGeneration" in names
    return content.get("model_type") == "llava" and (is_named or "text_config" in content)


def read_conversion(folder: Path) -> Conversion:
    """Read config.json, generation_config.json, and processor_config.json or preprocessor_config.json.

    Raises UserError naming the file and the key at fault.
    """
    path = folder / "config.json"
    content = read_json_object(path)
    try:
        return _read(content, path)
    except UserError as error:
        raise UserError(f"{error}; --model hf:{folder} asks transformers to run it") from error


def _read(content: Mapping[str, Any], path: Path) -> Conversion:
    ours = parse_config(ConvertedConfig, content, path)
    text, kind = ours.text_config, parse_config(SubConfig, ours.text_config, path).model_type or "llama"
    for part in (content, text, ours.vision_config):
        if part.get("quantization_config") is not None:
            raise UserError(f"{path}: quantization_config is not supported; take the checkpoint in float16 or bfloat16")
    if kind not in LANGUAGE_MODELS:
        raise UserError(f"{path}: text_config: model_type {kind!r:.60} is not supported ({', '.join(LANGUAGE_MODELS)})")
    tower = parse_config(SubConfig, ours.vision_config, path).model_type or "clip_vision_model"
    if tower != "clip_vision_model":
        raise UserError(f"{path}: vision_config: model_type {tower!r:.60} is not supported (clip_vision_model is)")
    tied = ours.tie_word_embeddings or text.get("tie_word_embeddings", False)
    vision = parse_config(ClipVisionConfig, ours.vision_config, path)
    image_settings, image_settings_path = _read_image_settings(path.parent)
    dtype = content.get("dtype") or content.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
    settings = {
        "mm_vision_tower": "vision_tower",
        "mm_vision_select_layer": ours.vision_feature_layer,
        "mm_vision_select_feature": "cls_patch" if ours.vision_feature_select_strategy == "full" else "patch",
        "mm_projector_type": "mlp2x_gelu",
        "image_aspect_ratio": "pad" if image_settings.get("do_pad") is True else "square",
        "torch_dtype": dtype,
    }
    config = EmmaConfig(
        path=path,
        llava=parse_config(LlavaConfig, settings, path),
        alignment=None,
        llama=parse_config(LANGUAGE_MODELS[kind], {**text, "tie_word_embeddings": tied}, path),
        eos_ids=read_eos_ids(path.parent, {**text, **content}, path),
    )
    return Conversion(config, vision, ours.image_token_index, image_settings, image_settings_path)


def _read_image_settings(folder: Path) -> tuple[Mapping[str, Any], Path]:
    """What describes the image processor, and its file: the one since transformers 5 before the older one."""
    path = folder / "processor_config.json"
    content = read_json_object(path).get("image_processor") if is_regular_file(path) else None
    if not isinstance(content, Mapping):
        path = folder / "preprocessor_config.json"
        content = read_json_object(path) if is_regular_file(path) else {}
    if content.get("do_pad") is True and not str(content.get("image_processor_type")).startswith("Llava"):
        raise UserError(f"{path}: do_pad true is of LlavaImageProcessor alone")
    return content, path
