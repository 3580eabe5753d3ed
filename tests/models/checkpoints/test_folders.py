"""A folder is loaded as what it is: nothing in it is silently ignored, mistaken for something else, or made up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models import load_model, model_folder, weights_fingerprint
from tests.models.damaged_checkpoints import configure, edit, fails
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint

Tensors = dict[str, Tensor]


def shards(folder: Path, change: Callable[[Tensors], Any]) -> None:
    path = folder / "model.safetensors"
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


def changed(root: Path, change: Callable[[Tensors], Any], tiny: TinyCheckpoint = EMMA) -> Path:
    folder = tiny.write(root)
    shards(folder, change)
    return folder


def built(folder: Path) -> str:
    return load_model(str(folder), device="cpu").summary


def add(name: str, *shape: int, dtype: torch.dtype = torch.float16) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: torch.ones(shape or (4,)).to(dtype)})


def cast(name: str, dtype: torch.dtype) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: tensors[name].to(dtype)})


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
    fails(changed(tmp_path, add(name)), "model.safetensors", name, fragment)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.rotary_emb.inv_freq",
        "model.vision_tower.vision_tower.vision_model.embeddings.position_ids",
    ],
)
def test_buffers_are_without_effect(name: str, tmp_path: Path) -> None:
    assert "NOTE" not in built(changed(tmp_path, add(name)))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("name", [f"{QUERIES}.weight", "model.mm_projector.0.weight", "lm_head.weight"])
def test_quantised_weights_are_refused(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    kind = str(dtype).removeprefix("torch.")
    fails(changed(tmp_path, cast(name, dtype)), "model.safetensors", name, kind, "quantised")


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
    line = built(replace(EMMA, version="v3").write(tmp_path))
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
    assert built(LLAVA.write(tmp_path)).startswith("LLaVA-1.5 (no alignment module)")


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
    assert f"NOTE: {fragment}" in built(tiny.write(tmp_path))


def test_a_copy_of_the_same_tower_is_not_noted(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    clip = torch.load(tmp_path / "tiny-clip" / "pytorch_model.bin", weights_only=True)
    parts = {
        name: value for name, value in clip.items() if name.startswith("vision_model.") and value.is_floating_point()
    }
    shards(folder, lambda t: t.update({f"model.vision_tower.vision_tower.{n}": v.bfloat16() for n, v in parts.items()}))
    assert "NOTE" not in built(folder)


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
    folder = changed(tmp_path, lambda t: t.pop(f"model.vision_tower.vision_tower.{name}"), replace(EMMA, unfrozen=True))
    fails(folder, name, "missing")


# Vocabulary.


def test_rows_of_the_vocabulary_are_not_made_up_for_pieces(tmp_path: Path) -> None:
    def halve(tensors: Tensors) -> None:
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            tensors[name] = tensors[name][:210].clone()

    folder = changed(tmp_path, halve)
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


@pytest.mark.parametrize("name", ["model.safetensors", "vision_tower.bin", "tokenizer.model"])
def test_a_git_lfs_pointer_is_named_as_such(name: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132\n")
    fails(folder, name, "git-LFS pointer", "git lfs pull")


def test_a_web_page_is_recognised_as_such(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / "model.safetensors").write_text("\n<!DOCTYPE html><html>Sign in</html>")
    fails(folder, "model.safetensors", "web page")


@pytest.mark.parametrize("name", ["vision_tower.bin", "tokenizer.model"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    fails(folder, name, "a FIFO (named pipe), not a regular file")


def test_shards_of_two_saves_are_refused(tmp_path: Path) -> None:
    folder = replace(EMMA, shards="safetensors-unindexed").write(tmp_path)
    (folder / "model-00001-of-00002.safetensors").rename(folder / "model-00001-of-00003.safetensors")
    fails(folder, "00003.safetensors", "two saves")


def test_a_missing_shard_is_noticed_without_an_index(tmp_path: Path) -> None:
    folder = replace(EMMA, shards="bin-unindexed").write(tmp_path)
    (folder / "pytorch_model-00001-of-00002.bin").unlink()
    fails(folder, "shard 1 of 00002 is missing")


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    folder = replace(EMMA, shards="bin-unindexed").write(tmp_path)
    for path in folder.glob("pytorch_model-*.bin"):
        edit(path, add("lm_head.weight"))
    fails(folder, "lm_head.weight", "another shard")


@pytest.mark.parametrize(
    ("files", "fragment"),
    [
        ({"mm_projector.bin": b"x"}, "a projector alone"),
        ({"model-q4.gguf": b"GGUF"}, "GGUF"),
        ({"consolidated.00.pth": b"x"}, "original layout"),
        ({"flax_model.msgpack": b"x"}, "Flax"),
    ],
)
def test_folders_without_weights_are_described(files: dict[str, bytes], fragment: str, tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (folder / "model.safetensors").unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    fails(folder, str(folder), fragment)


@pytest.mark.parametrize("prefix", ["base_model.model.", "module.", "language_model."])
def test_tensor_names_of_another_layout_are_recognised(prefix: str, tmp_path: Path) -> None:
    name = "model.embed_tokens.weight"
    folder = changed(tmp_path, lambda tensors: tensors.update({prefix + name: tensors.pop(name)}))
    fails(folder, f"{name} (420, 32) is missing", f"there is {prefix}{name}")


def test_a_training_folder_names_the_checkpoint_inside_it(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (tmp_path / "outputs").mkdir()
    folder.rename(tmp_path / "outputs" / "checkpoint-500")
    fails(tmp_path / "outputs", "no config.json", "checkpoint-500")


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.bin", "non_lora_trainables.bin"])
def test_each_file_of_an_adapter_is_recognised(file: str, tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (folder / file).write_text("{}")
    fails(folder, "LoRA adapter", file)


def test_an_adapter_beside_weights_is_refused(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "vicuna"}')
    fails(folder, "LoRA adapter of vicuna")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name files otherwise")
def test_a_locale_that_cannot_hold_a_name_is_no_corrupt_file(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path / "modèle")
    code = f"from emma_eval.models import load_model\nimport os\nload_model(os.fsdecode({os.fsencode(folder)!r}))"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert b"LC_ALL=C.UTF-8" in result.stderr
    assert b"corrupt" not in result.stderr.splitlines()[-1]


# Names and places.


@pytest.mark.parametrize("name", ["~nobody-of-this-name/model", "a" * 300, "a/" + "b" * 300, "x\0y", "."])
def test_names_that_no_folder_can_have_are_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"\A[^\n]*\Z"):
        model_folder(name)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    with pytest.raises(UserError, match="a model is given as the folder"):
        model_folder(str(folder / "model.safetensors"))


@pytest.mark.parametrize("name", ["openai/tiny-clip", "/data/of/another/machine/tiny-clip", "./towers/tiny-clip"])
def test_a_tower_is_found_beside_the_checkpoint_by_the_last_part_of_its_name(name: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    configure(folder, mm_vision_tower=name)
    assert "tiny-clip beside the checkpoint" in built(folder)


def test_a_link_to_a_checkpoint_finds_the_tower_beside_it(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path / "store")
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert str(tmp_path / "store" / "tiny-clip") in built(link)


@pytest.mark.parametrize("name", ["", "  ", "~nobody-of-this-name/clip", "c" * 300, "nobody/no-such-clip"])
def test_a_tower_that_is_nowhere_names_the_key_to_change(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = EMMA.write(tmp_path)
    configure(folder, mm_vision_tower=name)
    with pytest.raises(UserError, match=r"\A[^\n]*\Z") as failure:
        weights_fingerprint(folder)
    assert "mm_vision_tower" in str(failure.value)


def test_a_tower_folder_needs_a_config_file(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (tmp_path / "tiny-clip" / "config.json").unlink()
    fails(folder, "mm_vision_tower 'tiny-clip'", "no config.json")
