"""Refuses configurations that the code here does not compute: they would be answered wrongly.

It lists what is known to be right, not what is known to be wrong: new models of this family come every month, and
keep the names of most settings. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import Array, HFConfig, parse_config

LLAMA_CLASSES = ("LlavaLlamaForCausalLM", "LlamaForCausalLM")  # the latter as some trainers leave it
MISTRAL_CLASSES = ("LlavaMistralForCausalLM", "MistralForCausalLM")
ARCHITECTURES = {"llava_llama": LLAMA_CLASSES, "llava": LLAMA_CLASSES, "llava_mistral": MISTRAL_CLASSES}

MUST_BE = {  # besides null: the one value that changes nothing
    "mm_patch_merge_type": "flat",
    "mm_use_im_start_end": False,
    "num_learnable_tokens": 0,
    "s2": False,
    "partial_rotary_factor": 1.0,
}
MUST_BE_ABSENT = (  # or false; each is what another model of transformers computes with
    "mm_resampler_type", "attention_chunk_size", "vision_config", "text_config", "s2_scales", "attn_logit_softcapping",
    "final_logit_softcapping", "logit_scale", "logits_scaling", "attention_multiplier", "embedding_multiplier",
    "residual_multiplier", "scale_emb", "clip_qkv", "qkv_bias", "use_qk_norm", "qk_norm", "num_experts",
    "num_local_experts", "no_rope_layers",
)  # fmt: skip
# Of training, or without effect unless another setting is one that is refused.
WITHOUT_EFFECT = frozenset({
    "mm_hidden_size", "mm_projector_lr", "mm_vision_tower_lr", "mm_tunable_parts", "mm_newline_position",
    "mm_spatial_pool_mode", "image_grid_pinpoints", "image_crop_resolution", "image_split_resolution",
})  # fmt: skip
MULTIMODAL_PREFIXES = ("mm_", "image_")  # of settings that decide how images are encoded


class ModelIdentity(HFConfig):
    """Which model a config.json is of."""

    model_type: str | None = None
    architectures: Array[str] = ()


def refuse_unsupported(content: Mapping[str, Any], path: Path, known: Collection[str]) -> None:
    """Raise UserError naming the first setting of a config.json that is not computed here.

    `known` are the keys that are read; of the multimodal ones no others may have a value.
    """
    _refuse_other_models(content, path)
    if (quantisation := content.get("quantization_config")) is not None:
        method = quantisation.get("quant_method", "") if isinstance(quantisation, Mapping) else quantisation
        raise UserError(
            f"{path}: quantization_config {method!r:.60} is not supported; take the checkpoint in float16 or bfloat16"
        )
    for key in MUST_BE_ABSENT:
        if content.get(key) not in (None, False):
            raise UserError(f"{path}: {key} {content[key]!r:.60} is not supported (null is)")
    for key, only in MUST_BE.items():
        value = content.get(key)
        if value is not None and (value != only or isinstance(value, bool) != isinstance(only, bool)):
            raise UserError(f"{path}: {key} {value!r:.60} is not supported ({only!r} is)")
    window, is_off = content.get("sliding_window"), content.get("use_sliding_window") is False
    if window is not None and not is_off and not is_mistral(content):
        raise UserError(f"{path}: sliding_window {window!r:.60} is not supported (null is)")
    known = {*known, *WITHOUT_EFFECT, *MUST_BE}
    for key, value in content.items():
        if key.startswith(MULTIMODAL_PREFIXES) and key not in known and value not in (None, False):
            raise UserError(f"{path}: {key} {value!r:.60} is not supported: it is of another model's settings")


def is_mistral(content: Mapping[str, Any]) -> bool:
    """Whether a config.json's language model is Mistral, which has a sliding window and defaults of its own."""
    return content.get("model_type") == "llava_mistral"


def _refuse_other_models(content: Mapping[str, Any], path: Path) -> None:
    model = parse_config(ModelIdentity, content, path)
    kind, names = model.model_type, model.architectures
    if any(name.endswith("ForConditionalGeneration") for name in names) or "text_config" in content:
        raise UserError(
            f"{path}: model_type {kind!r:.60} is not supported; it is a model of transformers', which --model "
            f"hf:{path.parent} runs"
        )
    if kind is None and not names:
        raise UserError(f"{path}: no model_type; it must say which model this is (LLaVA-1.5: llava_llama)")
    if kind is not None and kind not in ARCHITECTURES:
        raise UserError(
            f"{path}: model_type {kind!r:.60} is not supported ({', '.join(ARCHITECTURES)}); "
            "--model hf:FOLDER runs image-text-to-text models of transformers"
        )
    classes = ARCHITECTURES[kind or "llava_llama"]
    if other := [name for name in names if name not in classes]:
        of_type = f" with model_type {kind}" if kind else ""
        raise UserError(f"{path}: architectures {other[0]!r:.60} is not supported{of_type} ({', '.join(classes)})")
