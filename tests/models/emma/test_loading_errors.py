"""Whatever is wrong with a checkpoint is reported in one line that names the file, the key or the tensor."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.errors import UserError
from emma_eval.models import load_model
from tests.models.damaged_checkpoints import configure, edit, fails
from tests.tiny_checkpoint import EMMA, LLAVA


@pytest.mark.parametrize("name", ["config.json", "tokenizer.model", "vision_tower.bin"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / name).unlink()
    fails(folder, name, "missing")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / "model.safetensors").unlink()
    fails(folder, str(folder), "no weights")


@pytest.mark.parametrize("layout", ["safetensors-indexed", "bin-indexed"])
def test_a_missing_shard_is_named_with_its_index(layout: str, tmp_path: Path) -> None:
    folder = replace(EMMA, shards=layout).write(tmp_path)
    shard = next(folder.glob("*-00002-of-00002.*"))
    shard.unlink()
    fails(folder, shard.name, "missing", "index.json")


def test_an_index_must_not_point_out_of_the_folder(tmp_path: Path) -> None:
    folder = replace(EMMA, shards="bin-indexed").write(tmp_path)
    (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "../elsewhere.bin"}}')
    fails(folder, "pytorch_model.bin.index.json", "../elsewhere.bin")


@pytest.mark.parametrize("layout", ["safetensors-indexed", "bin-indexed"])
@pytest.mark.parametrize("rest", [0, 5, 0.7])
def test_a_truncated_shard_is_named(layout: str, rest: float, tmp_path: Path) -> None:
    folder = replace(EMMA, shards=layout).write(tmp_path)
    shard = next(folder.glob("*-00001-of-00002.*"))
    content = shard.read_bytes()
    shard.write_bytes(content[: int(rest * len(content)) if rest < 1 else int(rest)])
    fails(folder, shard.name, "truncated")


def test_code_in_a_weight_file_is_not_run(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    torch.save({"text_projection.weight": Path}, folder / "vision_tower.bin")
    fails(folder, "vision_tower.bin", "more than tensors")


def test_a_missing_alignment_tensor_is_named_with_its_shape(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    edit(folder / "vision_tower.bin", lambda tensors: tensors.pop("image_text_infusion.bias"))
    fails(folder, "vision_tower.bin", "image_text_infusion.bias", "(16,)", "missing")


def test_a_misshapen_alignment_tensor_is_named_with_both_shapes(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, mm_text_select_feature="patch")
    fails(folder, "vision_tower.bin", "image_text_infusion.weight", "(16, 93)", "(16, 92)")


def test_misshapen_learnable_tokens_are_named_with_both_shapes(tmp_path: Path) -> None:
    folder = replace(EMMA, version="v3", learnable_tokens=True).write(tmp_path)
    edit(folder / "vision_tower.bin", lambda tensors: tensors.update(learnable_tokens=torch.zeros(4, 24)))
    fails(folder, "learnable_tokens", "(4, 24)", "(16, 24)")


def test_a_missing_language_model_tensor_is_named(tmp_path: Path) -> None:
    folder = replace(EMMA, shards="bin").write(tmp_path)
    edit(folder / "pytorch_model.bin", lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    fails(folder, "pytorch_model.bin", "model.layers.1.mlp.up_proj.weight", "missing")


def test_a_misshapen_language_model_tensor_is_named_with_both_shapes(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, intermediate_size=50)
    fails(folder, "model.layers.0.mlp", "(48, 32)", "(50, 32)")


def test_a_missing_projector_is_named(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, mm_projector_type="linear")
    fails(folder, "model.mm_projector.weight", "missing")


def test_a_missing_clip_tensor_is_named_with_its_file(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    weights = tmp_path / "tiny-clip" / "pytorch_model.bin"
    edit(weights, lambda tensors: tensors.pop("text_model.encoder.layers.0.mlp.fc1.bias"))
    fails(folder, str(weights), "text_model.encoder.layers.0.mlp.fc1.bias", "missing")


def test_an_emma_checkpoint_that_lost_its_alignment_is_not_taken_for_llava(tmp_path: Path) -> None:
    folder = replace(EMMA, version=None, clip_in_shards=True).write(tmp_path)
    (folder / "vision_tower.bin").unlink()
    fails(folder, "vision_tower.bin is missing")


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"encoder_version": "v2"}, ["encoder_version 'v2'", "'v1' or 'v3'"]),
        ({"encoder_version": 3}, ["encoder_version 3", "'v1' or 'v3'"]),
        ({"mm_projector_type": "resampler"}, ["mm_projector_type 'resampler'", "linear"]),
        ({"num_learnable_tokens": 28}, ["num_learnable_tokens"]),
        ({"mm_use_im_start_end": True}, ["mm_use_im_start_end"]),
        ({"image_aspect_ratio": "anyres"}, ["anyres"]),
        ({"mm_vision_tower": None}, ["no mm_vision_tower"]),
        ({"mm_vision_select_layer": "last"}, ["mm_vision_select_layer 'last' must be an integer"]),
        ({"mm_vision_select_layer": -9}, ["mm_vision_select_layer -9", "3 layers"]),
        ({"mm_text_select_layer": 4}, ["mm_text_select_layer 4", "3 layers"]),
        ({"hidden_size": "wide"}, ["config.json", "hidden_size"]),
        ({"num_attention_heads": 5}, ["config.json"]),
        ({"num_key_value_heads": 3}, ["config.json", "num_key_value_heads"]),
        ({"num_hidden_layers": 0}, ["num_hidden_layers 0 must be a number of 1 or more"]),
        ({"hidden_act": "gelu"}, ["hidden_act 'gelu' is not supported ('silu' is)"]),
        ({"attention_bias": True}, ["attention_bias"]),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, ["rope_scaling.type 'dynamic'", "linear"]),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, ["rope_parameters.rope_type 'llama3'", "linear"]),
        ({"rope_theta": -1}, ["rope_theta"]),
        ({"eos_token_id": "two"}, ["eos_token_id"]),
        ({"mm_vision_tower": "nowhere-clip"}, ["mm_vision_tower 'nowhere-clip'", "can't be found"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(changes: dict[str, Any], fragments: list[str], tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, **changes)
    fails(folder, "config.json", *fragments)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_malformed_configuration_file_is_named(content: str, tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (folder / "config.json").write_text(content)
    fails(folder, "config.json", "JSON")


def test_a_tower_from_the_hub_needs_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = EMMA.write(tmp_path)
    configure(folder, mm_vision_tower="nobody/no-such-clip")
    fails(folder, "vision tower 'nobody/no-such-clip'", "hub")


def test_a_preprocessor_must_fit_the_towers_image_size(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (tmp_path / "tiny-clip" / "preprocessor_config.json").write_text('{"size": 28, "crop_size": 56}')
    fails(folder, "preprocessor_config.json", "56", "28")


def test_a_text_tower_too_small_for_the_instruction_is_refused(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    path = tmp_path / "tiny-clip" / "config.json"
    config = json.loads(path.read_text())
    config["text_config"]["max_position_embeddings"] = 32
    path.write_text(json.dumps(config))
    fails(folder, "32 positions", "77")


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("no-such-model", "neither"),
        ("nobody/no-such-model", "hub"),
        ("emma-maxi", "emma-mini"),
    ],
)
def test_an_unknown_model_is_refused_with_what_is_known(
    name: str, fragment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"^[^\n]*$") as failure:
        load_model(name)
    assert fragment in str(failure.value) or "not a built-in name" in str(failure.value)


UNKNOWN = [{"dtype": "float8"}, {"device": "abacus"}, {"device": "cuda:99"}, {"device": "meta"}]


@pytest.mark.parametrize("wrong", UNKNOWN)
def test_an_unknown_device_or_dtype_is_named(wrong: dict[str, str], tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    with pytest.raises(UserError, match=next(iter(wrong.values()))):
        load_model(str(folder), **wrong)


@pytest.mark.parametrize(
    "tower", ["open_clip:hf-hub:org/model", "open_clip:local-dir:x/y", "open_clip:/x", "open_clip:x"]
)
def test_a_tower_of_open_clip_is_one_that_open_clip_knows(tower: str, tmp_path: Path) -> None:
    """Its other forms take a configuration from elsewhere, which may name a text model with code of its own."""
    folder = EMMA.write(tmp_path)
    configure(folder, mm_vision_tower=tower)
    fails(folder, f"mm_vision_tower '{tower}' must be open_clip:ARCH/PRETRAINED")


def test_a_tower_of_open_clip_says_what_is_missing(tmp_path, monkeypatch) -> None:
    """An environment made for vLLM has no torchvision, without which open_clip cannot be imported."""
    folder = EMMA.write(tmp_path)
    configure(folder, mm_vision_tower="open_clip:ViT-B-32/laion2b_s34b_b79k")
    monkeypatch.setitem(sys.modules, "open_clip", None)
    monkeypatch.delitem(sys.modules, "emma_eval.models.clip.open_clip_backend", raising=False)
    fails(folder, "mm_vision_tower 'open_clip:ViT-B-32/laion2b_s34b_b79k' needs open_clip_torch and torchvision")
