"""Which configurations the code here computes: all others are refused by name, for they would be answered wrongly.

A list of what is known to be right, not of what is known to be wrong: new models of this family come every month, and
keep the names of most settings. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import Settings

MODEL_TYPES = ("llava_llama", "llava")
ARCHITECTURES = ("LlavaLlamaForCausalLM", "LlamaForCausalLM")  # the latter as some trainers leave it
CONVERTED = ("LlavaForConditionalGeneration", "LlavaNextForConditionalGeneration")  # transformers' own layout
OFFICIAL = "take the official layout instead (liuhaotian/llava-v1.5-7b, say), not transformers' conversion of it"

PROJECTORS = ("linear", "mlp2x_gelu")
ASPECT_RATIOS = ("pad", "square")
VISION_FEATURES = ("patch", "cls_patch")
DTYPES = ("float32", "float16", "bfloat16", "float64")
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
READ = frozenset({
    "mm_vision_tower", "mm_vision_select_layer", "mm_vision_select_feature", "mm_projector_type",
    "mm_use_im_patch_token", "mm_text_select_layer", "mm_text_select_feature", "image_aspect_ratio",
})  # fmt: skip
FAMILY = ("mm_", "image_")  # prefixes of settings that decide how images are seen


def refuse_unsupported(settings: Settings) -> None:
    """Raise UserError naming the first setting that this code does not compute."""
    raw = settings.raw
    _refuse_other_models(settings)
    if raw.get("quantization_config") is not None:
        raise UserError(
            f"{settings.path}: quantization_config {_method(raw['quantization_config'])} is not supported; "
            "take the checkpoint in float16 or bfloat16"
        )
    for key in MUST_BE_ABSENT:
        if raw.get(key) not in (None, False):
            raise UserError(f"{settings.path}: {key} {raw[key]!r:.60} is not supported (null is)")
    for key, only in MUST_BE.items():
        value = raw.get(key)
        if value is not None and (value != only or isinstance(value, bool) != isinstance(only, bool)):
            raise UserError(f"{settings.path}: {key} {value!r:.60} is not supported ({_json(only)} is)")
    if raw.get("sliding_window") is not None and raw.get("use_sliding_window") is not False:
        raise UserError(f"{settings.path}: sliding_window {raw['sliding_window']!r:.60} is not supported (null is)")
    kinds = settings.take("layer_types", list, [])
    if other := [kind for kind in kinds if kind != "full_attention"]:
        raise UserError(f"{settings.path}: layer_types {other[0]!r:.60} is not supported (full_attention is)")
    for key, value in raw.items():
        if key.startswith(FAMILY) and key not in READ | WITHOUT_EFFECT | MUST_BE.keys() and value not in (None, False):
            raise UserError(f"{settings.path}: {key} {value!r:.60} is not supported: it is of another model's settings")


def _refuse_other_models(settings: Settings) -> None:
    kind = settings.take("model_type", str, None)
    names = settings.take("architectures", list, [])
    if any(name in CONVERTED for name in names) or ((kind or "").startswith("llava") and "text_config" in settings.raw):
        raise UserError(f"{settings.path}: a checkpoint converted for transformers (llava-hf); {OFFICIAL}")
    if kind is None and not names:
        raise UserError(f"{settings.path}: no model_type; it must say which model this is (LLaVA-1.5: llava_llama)")
    if kind is not None and kind not in MODEL_TYPES:
        raise UserError(f"{settings.path}: model_type {kind!r:.60} is not supported ({', '.join(MODEL_TYPES)})")
    if other := [name for name in names if name not in ARCHITECTURES]:
        raise UserError(
            f"{settings.path}: architectures {other[0]!r:.60} is not supported ({', '.join(ARCHITECTURES)})"
        )


def _method(config: Any) -> str:
    return repr(config.get("quant_method", "")) if isinstance(config, Mapping) else f"{config!r:.60}"


def _json(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
