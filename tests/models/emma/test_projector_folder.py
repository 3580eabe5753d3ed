"""A folder of LLaVA's or EMMA's pretraining: config.json and mm_projector.bin, the rest from a base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from emma_eval.models import find_model, load_model, weights_fingerprint
from emma_eval.models.base import ModelSpec
from tests.models.answers import answer, refused
from tests.models.damaged_checkpoints import configure, edit, edit_shards
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint


def write_projector(root: Path, tiny: TinyCheckpoint = LLAVA, prefix: str = "") -> Path:
    """A projector folder of what `whole` below `root` is; its base `vicuna` is the language model alone."""
    whole = tiny.write(root)
    base, folder = root / "vicuna", root / "llava-pretrain"
    shutil.copytree(whole, base)
    edit_shards(base, lambda tensors: [tensors.pop(name) for name in list(tensors) if "mm_projector" in name])
    (base / "vision_tower.bin").unlink(missing_ok=True)
    llama = {key: value for key, value in tiny.config().items() if not key.startswith("mm_")}
    (base / "config.json").write_text(json.dumps(llama | {"model_type": "llama", "rope_theta": 10000.0}))
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(tiny.config() | {"tune_mm_mlp_adapter": True}))
    tensors = {f"{prefix}model.mm_projector.{name}": value for name, value in tiny.projector_tensors.items()}
    torch.save(tensors, folder / "mm_projector.bin")
    return folder


@pytest.mark.parametrize("prefix", ["", "module.", "base_model.model."])
def test_a_projector_on_its_base_is_the_whole_model(prefix: str, tmp_path: Path) -> None:
    folder = write_projector(tmp_path, prefix=prefix)
    assert answer(folder, base=str(tmp_path / "vicuna")) == answer(tmp_path / "tiny-emma")


def test_the_run_says_what_is_from_where(tmp_path: Path) -> None:
    folder = write_projector(tmp_path)
    summary = load_model(str(folder), device="cpu", options={"base": str(tmp_path / "vicuna")}).summary
    assert f"projector of llava-pretrain on the base {tmp_path / 'vicuna'}" in summary
    assert summary.endswith("; conversation template vicuna_v1 (the default)")


def test_the_configuration_is_the_folders_and_its_base_the_one_that_it_names(tmp_path: Path) -> None:
    """rope_theta, say: the base's own has another value here."""
    folder = write_projector(tmp_path)
    assert "a base model that it does not name" in refused(folder)
    configure(folder, _name_or_path="/where/it/was/trained/vicuna")
    assert answer(folder) == answer(tmp_path / "tiny-emma")
    configure(folder, _name_or_path="lmsys/nothing-here")
    assert "holds a projector alone of lmsys/nothing-here (config.json)" in refused(folder)


def test_a_projector_replaces_that_of_a_base_of_llava(tmp_path: Path) -> None:
    folder = write_projector(tmp_path)
    edit_shards(tmp_path / "tiny-emma", lambda tensors: tensors["model.mm_projector.0.weight"].zero_())
    loaded = load_model(str(folder), device="cpu", dtype="float32", options={"base": str(tmp_path / "tiny-emma")})
    torch.testing.assert_close(loaded.model.projector[0].weight, LLAVA.projector_tensors["0.weight"])


def test_emmas_own_alignment_is_used_or_by_option_the_bases(tmp_path: Path) -> None:
    folder, base = write_projector(tmp_path, EMMA), str(tmp_path / "vicuna")
    assert "vision_tower.bin is missing" in refused(folder, base=base)
    torch.save(EMMA.alignment_file(), folder / "vision_tower.bin")
    assert answer(folder, base=base) == answer(tmp_path / "tiny-emma")
    assert "alignment of llava-pretrain" in load_model(str(folder), device="cpu", options={"base": base}).summary
    options = {"base": str(tmp_path / "tiny-emma"), "alignment": "base"}
    edit(tmp_path / "tiny-emma" / "vision_tower.bin", lambda tensors: tensors["text_projection.bias"].fill_(0.25))
    loaded = load_model(str(folder), device="cpu", options=options)
    assert loaded.model.alignment.text_projection.bias.unique().tolist() == [0.25]
    assert "alignment of the base (alignment=base)" in loaded.summary


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder, base = write_projector(tmp_path), str(tmp_path / "vicuna")
    assert "no alignment module" in refused(folder, base=base, alignment="base")
    assert "a projector alone itself" in refused(folder, base=str(folder))
    path = folder / "mm_projector.bin"
    edit(path, lambda tensors: tensors.pop("model.mm_projector.2.bias"))
    assert f"{path}: tensor model.mm_projector.2.bias (32,) is missing" in refused(folder, base=base)
    edit(
        path,
        lambda tensors: tensors.update({"model.mm_projector.2.bias": torch.ones(32), "model.other": torch.ones(1)}),
    )
    assert f"{path}: tensor model.other fits nothing in the base" in refused(folder, base=base)
    torch.save({"model.norm.weight": torch.ones(32)}, path)
    assert "holds no projector" in refused(folder, base=base)
    configure(tmp_path / "vicuna", model_type="mistral")
    assert "model_type 'mistral' is no base" in refused(folder, base=base)


def test_whole_weights_beside_a_projector_are_the_model(tmp_path: Path) -> None:
    """As in LLaVA's published folders."""
    folder = LLAVA.write(tmp_path)
    torch.save({"model.mm_projector.0.weight": torch.zeros(32, 24)}, folder / "mm_projector.bin")
    assert "projector of" not in load_model(str(folder), device="cpu").summary


@pytest.mark.parametrize(
    "part", ["llava-pretrain/mm_projector.bin", "llava-pretrain/config.json", "vicuna/model.safetensors"]
)
def test_projector_and_base_are_in_the_fingerprint(part: str, tmp_path: Path) -> None:
    folder, base = write_projector(tmp_path), str(tmp_path / "vicuna")
    before = weights_fingerprint(folder, base)
    assert find_model(ModelSpec(str(folder), options={"base": base})).fingerprint() == before
    with (tmp_path / part).open("ab") as file:
        file.write(b" ")
    assert weights_fingerprint(folder, base) != before
