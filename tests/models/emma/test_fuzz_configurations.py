"""Any content of a checkpoint's configuration files is either understood or refused in one line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.models import load_model
from emma_eval.models.clip.config import read_clip_config
from emma_eval.models.clip.image_processor import ImageProcessor, read_processor
from emma_eval.models.emma.config import AlignmentConfig, LlavaConfig, read_config
from emma_eval.models.emma.supported import MUST_BE, MUST_BE_ABSENT, WITHOUT_EFFECT
from emma_eval.models.llama.tokenizer import LlamaTokenizer
from tests.fakes import make_image
from tests.fuzzing import JSON_VALUES, as_json, fuzz_settings, run_fuzz
from tests.models.damaged_checkpoints import configure, fails
from tests.tiny_checkpoint import EMMA

LLAMA = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "head_dim",
         "num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters", "tie_word_embeddings",
         "hidden_act", "attention_bias", "mlp_bias", "sliding_window", "layer_types")  # fmt: skip
OTHER = ("model_type", "architectures", "encoder_version", "torch_dtype", "dtype", "eos_token_id",
         "tokenizer_model_max_length", "unfreeze_mm_vision_tower")  # fmt: skip
KEYS = {
    "tiny-emma/config.json": (*LLAMA, *OTHER, *MUST_BE, *MUST_BE_ABSENT, *LlavaConfig.model_fields,
                              *AlignmentConfig.model_fields, *sorted(WITHOUT_EFFECT)),
    "tiny-emma/generation_config.json": ("eos_token_id",),
    "tiny-emma/tokenizer_config.json": ("legacy", "bos_token", "eos_token", "unk_token", "additional_special_tokens",
                                        "added_tokens_decoder"),
    "tiny-emma/special_tokens_map.json": ("bos_token", "pad_token", "additional_special_tokens"),
    "tiny-emma/added_tokens.json": ("<pad>", "<x>"),
    "tiny-clip/config.json": ("model_type", "vision_config", "text_config", "vision_config_dict",
                              "quantization_config"),
    "tiny-clip/preprocessor_config.json": ("size", "crop_size", "resample", "image_mean", "image_std", "do_resize",
                                           "rescale_factor", "image_processor_type", "feature_extractor_type"),
}  # fmt: skip
PARTS = st.dictionaries(
    st.sampled_from(["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "image_size",
                     "patch_size", "num_channels", "layer_norm_eps", "hidden_act", "vocab_size", "type", "rope_type",
                     "factor", "rope_theta", "shortest_edge", "height", "content", "420", "max_position_embeddings"]),
    JSON_VALUES,
    max_size=4,
)  # fmt: skip


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A file, and the keys and values that are put into it."""
    name = draw(st.sampled_from(list(KEYS)))
    return name, draw(st.dictionaries(st.sampled_from(KEYS[name]), JSON_VALUES | PARTS, min_size=1, max_size=3))


def read_all(root: Path) -> None:
    """Read everything that is read before tensors."""
    folder, tower = root / "tiny-emma", root / "tiny-clip"
    config = read_config(folder)
    assert all(getattr(config, field.name) == getattr(config, field.name) for field in fields(config))  # no NaN
    LlamaTokenizer(folder).encode_prompt("a <image> b")
    vision, _ = read_clip_config(tower)
    processor = read_processor(tower, vision.image_size, config.llava.squaring)
    if processor.crop_size < 100 > processor.size:
        processor(make_image())


def test_configurations_are_understood_or_refused_in_one_line(tmp_path: Path) -> None:
    EMMA.write(tmp_path)
    before = {name: path.read_bytes() for name in KEYS if (path := tmp_path / name).exists()}

    @fuzz_settings
    @given(changes())
    def fuzz(change: tuple[str, dict[str, Any]]) -> None:
        name, values = change
        for other in KEYS:
            (tmp_path / other).unlink(missing_ok=True)
            if other in before:
                (tmp_path / other).write_bytes(before[other])
        content = json.loads(before.get(name, b"{}")) | values
        (tmp_path / name).write_text(as_json(content))
        try:
            read_all(tmp_path)
            load_model(str(tmp_path / "tiny-emma"), device="cpu")
        except UserError as error:
            assert "\n" not in str(error)
            assert str(tmp_path) in str(error) or "config.json" in str(error) or "hub" in str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        run_fuzz(fuzz)


def fails_with(place: Path, key: str, value: Any) -> None:
    """A tiny EMMA whose config.json has this value is refused in one line that names the file and the key."""
    folder = EMMA.write(place)
    configure(folder, **{key: value})
    fails(folder, "config.json", key)


@pytest.mark.parametrize("key", ["rms_norm_eps", "rope_theta"])
@pytest.mark.parametrize(
    "value", [float("inf"), float("-inf"), float("nan"), 10**400, -1.0, 0, True, "1e-5", [1e-5], 1e300]
)
def test_numbers_that_no_model_has_are_refused(key: str, value: Any, tmp_path: Path) -> None:
    fails_with(tmp_path, key, value)


@pytest.mark.parametrize(
    "key", ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "head_dim"]
)
@pytest.mark.parametrize("value", [-1, 0, 10**9, 10**400, 2.0, float("inf"), True])
def test_sizes_that_no_model_has_are_refused(key: str, value: Any, tmp_path: Path) -> None:
    fails_with(tmp_path, key, value)


@pytest.mark.parametrize(
    "rope",
    [
        {"factor": 2.0},
        {"type": "linear", "factor": float("nan")},
        {"type": "linear", "factor": 0},
        {"rope_type": "default", "rope_theta": float("inf")},
        {"rope_type": "default", "partial_rotary_factor": 0.5},
        {"rope_type": "yarn", "factor": 4.0},
        {"full_attention": {"rope_type": "default"}},
    ],
)
def test_rotary_positions_that_are_not_computed_are_refused(rope: dict[str, Any], tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, rope_scaling=rope)
    fails(folder, "config.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_type", "share4v"),
        ("model_type", "mplug_owl3"),
        ("model_type", None),
        ("architectures", ["LlavaQwenForCausalLM"]),
        ("architectures", [""]),
        ("layer_types", [None]),
        ("architectures", "LlavaLlamaForCausalLM"),
        ("image_aspect_ratio", "anyres_max_9"),
        ("image_aspect_ratio", True),
        ("mm_patch_merge_type", "spatial"),
        ("mm_resampler_type", "qformer"),
        ("mm_vision_select_feature", "cls"),
        ("mm_projector_type", "identity"),
        ("mm_video_fps", 2),
        ("mm_use_im_start_end", "false"),
        ("mm_use_im_patch_token", 1),
        ("image_tiling", "4x4"),
        ("sliding_window", 4096),
        ("layer_types", ["full_attention", "sliding_attention"]),
        ("partial_rotary_factor", 0.25),
        ("s2_scales", "336,672"),
        ("final_logit_softcapping", 30.0),
        ("use_qk_norm", True),
        ("num_local_experts", 8),
        ("torch_dtype", "int8"),
        ("quantization_config", {"quant_method": "gptq"}),
        ("quantization_config", {}),
        ("num_learnable_tokens", True),
        ("tokenizer_model_max_length", 0),
        ("tokenizer_model_max_length", -5),
        ("unfreeze_mm_vision_tower", "yes"),
        ("eos_token_id", 420),
        ("eos_token_id", [2, 420]),
        ("eos_token_id", "</s>"),
    ],
)
def test_settings_that_are_not_computed_are_refused_by_name(key: str, value: Any, tmp_path: Path) -> None:
    fails_with(tmp_path, key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sliding_window", None),
        ("mm_patch_merge_type", "flat"),
        ("image_grid_pinpoints", [[336, 672]]),
        ("mm_vision_tower_lr", 2e-6),
        ("freeze_mm_vision_resampler", False),
        ("architectures", ["LlavaLlamaForCausalLM"]),
        ("model_type", "llava"),
        ("torch_dtype", "torch.float16"),
        ("tokenizer_model_max_length", 10**30),
        ("rope_scaling", {"type": "linear", "factor": 4}),
        ("mm_use_im_start_end", False),
        ("num_learnable_tokens", 0),
        ("use_qk_norm", False),
        ("mm_resampler_type", None),
    ],
)
def test_settings_that_are_computed_or_without_effect_are_accepted(key: str, value: Any, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, **{key: value})
    assert load_model(str(folder), device="cpu").summary


@pytest.mark.parametrize(
    "values",
    [
        {"image_std": [0, 1, 1]},
        {"image_std": [1, float("nan"), 1]},
        {"image_mean": [float("inf")] * 3},
        {"rescale_factor": 1e400},
        {"rescale_factor": "1/255"},
        {"resample": "bicubic"},
        {"resample": 99},
        {"size": 10**9},
        {"size": -1},
        {"image_processor_type": "SiglipImageProcessor"},
        {"feature_extractor_type": "ViTFeatureExtractor"},
    ],
)
def test_preprocessing_that_is_not_clips_is_refused(values: dict[str, Any], tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (tmp_path / "tiny-clip" / "preprocessor_config.json").write_text(as_json(values))
    fails(folder, "preprocessor_config.json", next(iter(values)))


def test_a_processor_is_clips_own_by_default(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (tmp_path / "tiny-clip" / "preprocessor_config.json").write_text('{"resample": 3, "size": 28, "crop_size": 28}')
    assert load_model(str(folder), device="cpu").processor == ImageProcessor(28, 28, squaring="pad")
