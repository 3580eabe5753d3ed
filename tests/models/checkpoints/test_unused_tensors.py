"""Every tensor and key of a folder is read, known to be without effect, or refused by name; nothing is made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.models import load_model
from tests.models.damaged_checkpoints import (
    Tensors,
    add,
    cast,
    configure,
    edit,
    edit_shards,
    fails,
    loaded_summary,
    write_changed,
)
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint

QUERIES = "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        (f"{QUERIES}.bias", "an attention that LLaMA does not have"),
        ("model.layers.1.self_attn.k_norm.weight", "an attention"),
        ("model.layers.0.mlp.up_proj.bias", ""),
        ("model.layers.2.mlp.up_proj.weight", ""),  # a third layer, where the configuration says two
        (f"{QUERIES}.lora_A.weight", "merge"),
        (f"{QUERIES}.lora_B.default.weight", "merge"),
        (f"{QUERIES}.base_layer.weight", "merge"),
        (f"{QUERIES}.SCB", "quantised"),
        (f"{QUERIES}.weight_scale", "quantised"),
        (f"{QUERIES}.weight_scale_inv", "quantised"),
        (f"{QUERIES}.qweight", "quantised"),
        (f"{QUERIES}.weight.absmax", "quantised"),
        ("model.image_newline", "1.6"),
        ("model.mm_projector.4.weight", ""),
        ("model.vision_resampler.query", ""),
        ("model.vision_tower.dino_tower.blocks.0.weight", ""),
        ("model.vision_tower.vision_tower.vision_model.encoder.layers.0.adapter.weight", ""),
        ("lm_head.bias", ""),
        ("score.weight", ""),
    ],
)
def test_a_tensor_that_nothing_reads_is_named(name: str, fragment: str, tmp_path: Path) -> None:
    fails(write_changed(tmp_path, add(name)), "model.safetensors", name, fragment)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.rotary_emb.inv_freq",
        "model.vision_tower.vision_tower.vision_model.embeddings.position_ids",
    ],
)
def test_buffers_are_without_effect(name: str, tmp_path: Path) -> None:
    assert "NOTE" not in loaded_summary(write_changed(tmp_path, add(name)))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("name", [f"{QUERIES}.weight", "model.mm_projector.0.weight", "lm_head.weight"])
def test_quantised_weights_are_refused(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    kind = str(dtype).removeprefix("torch.")
    fails(write_changed(tmp_path, cast(name, dtype)), "model.safetensors", name, kind, "quantised")


def test_quantised_weights_in_the_alignment_module_are_refused(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    edit(folder / "vision_tower.bin", cast("text_projection.weight", torch.int8))
    fails(folder, "vision_tower.bin", "text_projection.weight", "int8")


def test_quantised_weights_in_the_vision_tower_are_refused(tmp_path: Path) -> None:
    folder, name = EMMA.write(tmp_path), "vision_model.encoder.layers.0.mlp.fc1.weight"
    edit(tmp_path / "tiny-clip" / "pytorch_model.bin", cast(name, torch.int8))
    fails(folder, "tiny-clip", name, "int8")


@pytest.mark.parametrize(
    "name", ["vision_model.encoder.layers.3.mlp.fc1.weight", "vision_model.head.probe", "vision_model.q_norm.weight"]
)
def test_a_vision_tower_with_more_than_clip_has_is_refused(name: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    edit(tmp_path / "tiny-clip" / "pytorch_model.bin", add(name))
    fails(folder, "tiny-clip", name)


def test_an_alignment_file_with_more_than_a_tower_is_refused(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    edit(folder / "vision_tower.bin", add("dino.weight"))
    fails(folder, "vision_tower.bin", "dino.weight")


def test_an_alignment_file_must_not_hold_two_versions_of_a_tensor(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    edit(folder / "vision_tower.bin", add("model.vision_tower.text_projection.bias", 24))
    fails(folder, "vision_tower.bin", "text_projection.bias", "differ")


def test_tied_embeddings_must_not_have_another_head(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, tie_word_embeddings=True)
    fails(folder, "lm_head.weight", "tie_word_embeddings")


# What was built.


def test_one_line_says_what_was_built(tmp_path: Path) -> None:
    line = loaded_summary(replace(EMMA, version="v3").write(tmp_path))
    assert "\n" not in line
    for part in (
        "EMMA v3",
        "2 layers x 32",
        "mlp2x_gelu",
        "tower tiny-clip beside the checkpoint",
        "layer -2",
        "float32 on cpu",
    ):
        assert part in line
    assert "NOTE" not in line


def test_plain_llava_is_described_as_such(tmp_path: Path) -> None:
    assert loaded_summary(LLAVA.write(tmp_path)).startswith("LLaVA-1.5 (no alignment module)")


@pytest.mark.parametrize(
    ("tiny", "fragment"),
    [
        (replace(EMMA, clip_in_shards=True), "the shards hold a vision tower that differs"),
        (replace(EMMA, clip_in_shards=True), "the shards hold an alignment module unlike vision_tower.bin's"),
        (replace(EMMA, alignment_keys="whole"), "vision_tower.bin holds a CLIP that differs"),
        (replace(EMMA, learnable_tokens=True), "vision_tower.bin holds learnable_tokens"),
    ],
)
def test_tensors_that_differ_and_are_not_used_are_noted(tiny: TinyCheckpoint, fragment: str, tmp_path: Path) -> None:
    assert f"NOTE: {fragment}" in loaded_summary(tiny.write(tmp_path))


def test_a_copy_of_the_same_tower_is_not_noted(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    clip = torch.load(tmp_path / "tiny-clip" / "pytorch_model.bin", weights_only=True)
    parts = {
        name: value for name, value in clip.items() if name.startswith("vision_model.") and value.is_floating_point()
    }
    edit_shards(
        folder, lambda t: t.update({f"model.vision_tower.vision_tower.{n}": v.bfloat16() for n, v in parts.items()})
    )
    assert "NOTE" not in loaded_summary(folder)


@pytest.mark.parametrize(
    "key", ["encoder_version", "num_learnable_tokens", "mm_text_select_layer", "mm_text_select_feature"]
)
def test_each_of_emmas_keys_makes_the_folder_emma(key: str, tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    values = {"encoder_version": "v1", "num_learnable_tokens": 0, "mm_text_select_layer": -2}
    configure(folder, **{key: values.get(key, "cls_patch")})
    fails(folder, "vision_tower.bin is missing")


def test_a_trained_tower_must_be_complete(tmp_path: Path) -> None:
    name = "vision_model.encoder.layers.0.mlp.fc1.bias"
    folder = write_changed(
        tmp_path, lambda t: t.pop(f"model.vision_tower.vision_tower.{name}"), replace(EMMA, unfrozen=True)
    )
    fails(folder, name, "missing")


# Vocabulary.


def test_rows_of_the_vocabulary_are_not_made_up_for_pieces(tmp_path: Path) -> None:
    def halve(tensors: Tensors) -> None:
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            tensors[name] = tensors[name][:210].clone()

    folder = write_changed(tmp_path, halve)
    configure(folder, vocab_size=210)
    fails(folder, "model.embed_tokens.weight", "210 rows", "420 ids")


def test_rows_are_not_made_up_for_more_added_tokens_than_trainers_add(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / "added_tokens.json").write_text(json.dumps({f"<extra {n}>": 420 + n for n in range(9)}))
    fails(folder, "420 rows", "429 ids")
    (folder / "added_tokens.json").write_text(json.dumps({"<pad>": 420}))
    assert load_model(str(folder), device="cpu").model.llama.config.vocab_size == 421


@pytest.mark.parametrize("index", [421, 10**9, -1, "x", 1.5, None, True])
def test_added_tokens_must_have_ids_of_the_vocabulary(index: Any, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / "added_tokens.json").write_text(json.dumps({"<pad>": index}))
    fails(folder, "added token")


@pytest.mark.parametrize("token", [[], {"content": []}, True, 0, {"content": 5}, [None]])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
def test_special_tokens_are_texts(file: str, token: Any, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / file).write_text(json.dumps({"bos_token": token}))
    fails(folder, f"{file}: bos_token", "must be a text")


# Files that are something else.
