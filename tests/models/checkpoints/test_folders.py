"""A folder is loaded as what it is: nothing in it is silently ignored, mistaken for something else, or made up."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models import model_folder, weights_fingerprint
from tests.models.damaged_checkpoints import (
    add,
    configure,
    edit,
    fails,
    loaded_summary,
    write_changed,
)
from tests.tiny_checkpoint import EMMA, LLAVA


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


@pytest.mark.parametrize("prefix", ["transformer.", "language_model."])
def test_tensor_names_of_another_layout_are_recognised(prefix: str, tmp_path: Path) -> None:
    name = "model.embed_tokens.weight"
    folder = write_changed(tmp_path, lambda tensors: tensors.update({prefix + name: tensors.pop(name)}))
    fails(folder, f"{name} (420, 32) is missing", f"there is {prefix}{name}")


def test_a_training_folder_names_the_checkpoint_inside_it(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    (tmp_path / "outputs").mkdir()
    folder.rename(tmp_path / "outputs" / "checkpoint-500")
    fails(tmp_path / "outputs", "no config.json", "checkpoint-500")


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("adapter_config.json", "and non_lora_trainables.bin, beside the adapter when it ends: give that folder"),
        ("checkpoint-24000.bin", "put checkpoint-24000.bin beside the training's config.json, as mm_projector.bin"),
    ],
)
def test_what_training_leaves_half_way_is_recognised(file: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("{}")
    fails(tmp_path, "no config.json", hint)


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
    assert "tiny-clip beside the checkpoint" in loaded_summary(folder)


def test_a_link_to_a_checkpoint_finds_the_tower_beside_it(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path / "store")
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert str(tmp_path / "store" / "tiny-clip") in loaded_summary(link)


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


@pytest.mark.parametrize("name", ["models/emma-7", "{}/models/emma-7", "models/emma7b", "./models/emma_7b"])
def test_a_misspelt_path_is_answered_with_the_folder_that_lies_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for folder in ("emma-7b", "runs"):
        (tmp_path / "models" / folder).mkdir(parents=True)
    (tmp_path / "models" / "emma-7b" / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"; did you mean '.*models/emma-7b'"):
        model_folder(name.format(tmp_path))
    with pytest.raises(UserError) as other:
        model_folder("models/run")
    assert "did you mean" not in str(other.value)
