"""LoRA folders and the base that they are merged into: what is read of which, and what is refused.

The merge itself is checked against PEFT (tests/models/checkpoints/test_lora_and_peft.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from emma_eval.errors import SampleError, UserError
from emma_eval.models import load_model, weights_fingerprint
from emma_eval.models.checkpoints.adapters import AdapterConfig
from tests.fakes import make_image, request
from tests.models.answers import refused
from tests.models.damaged_checkpoints import configure, edit, edit_shards
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint

QUERY, OUTPUT = (f"model.layers.0.self_attn.{name}_proj" for name in "qo")
ENDLESS = r"(model\.)?(a|aa)+$"
TOWER = "model.vision_tower.vision_tower.vision_model."


def write_lora(
    root: Path,
    ranks: dict[str, int],
    whole: dict[str, torch.Tensor] | None = None,
    tiny: TinyCheckpoint = LLAVA,
    **config: Any,
) -> Path:
    """A LoRA folder beside its base `tiny-emma`; the ranks by module."""
    base, folder = tiny.write(root), root / "lora"
    folder.mkdir()
    (folder / "config.json").write_text((base / "config.json").read_text())
    settings = {"peft_type": "LORA", "base_model_name_or_path": "tiny-emma", "r": 4, "lora_alpha": 6} | config
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    generator = torch.Generator().manual_seed(0)
    tensors = dict(whole or {})
    for module, rank in ranks.items():
        tensors[f"{module}.lora_A.weight"] = torch.randn(rank, 32, generator=generator)
        tensors[f"{module}.lora_B.weight"] = torch.randn(32, rank, generator=generator)
    save_file(
        {f"base_model.model.{name}": value for name, value in tensors.items()}, folder / "adapter_model.safetensors"
    )
    shards = load_file(base / "model.safetensors")
    projector = {f"base_model.model.{name}": value for name, value in shards.items() if "mm_projector" in name}
    torch.save(projector, folder / "non_lora_trainables.bin")
    return folder


def test_whole_modules_replace_the_bases(tmp_path: Path) -> None:
    head = torch.randn(420, 32)
    folder = write_lora(tmp_path, {QUERY: 4}, {"lm_head.weight": head}, modules_to_save=["lm_head"])
    loaded = load_model(str(folder), device="cpu", dtype="float32")
    torch.testing.assert_close(loaded.model.llama.lm_head.weight, head)
    assert "projector of the LoRA folder" in loaded.summary
    assert loaded.summary.endswith("; conversation template vicuna_v1 (the default)")


@pytest.mark.parametrize(
    ("config", "ranks", "fragment"),
    [
        ({"base_model_name_or_path": "nowhere"}, {QUERY: 4}, "give --model-option base=FOLDER"),
        ({"base_model_name_or_path": None}, {QUERY: 4}, "a base model that it does not name"),
        ({"peft_type": "IA3"}, {QUERY: 4}, "peft_type 'IA3'"),
        ({"init_lora_weights": "pissa"}, {QUERY: 4}, "'pissa'"),
        ({"target_modules": ["c_attn"]}, {QUERY: 4}, "'c_attn' fits nothing"),
        ({"target_modules": ["q_proj"]}, {QUERY: 4}, "nothing for module model.layers.1.self_attn.q_proj"),
        ({}, {"model.layers.9.self_attn.q_proj": 4}, "fits nothing in the base"),
        ({}, {f"{TOWER}encoder.layers.0.self_attn.q_proj": 4}, "of the vision tower, where adapters are not merged"),
        ({}, {"model.layers.0.mlp.down_proj": 4}, "is of size (32, 32)"),
        ({}, {QUERY: 8}, "rank 8"),
        ({}, {}, "holds no LoRA factors"),
    ],
)
def test_adapters_that_do_not_fit_are_refused(
    config: dict[str, Any], ranks: dict[str, int], fragment: str, tmp_path: Path
) -> None:
    assert fragment in refused(write_lora(tmp_path, ranks, **config))


@pytest.mark.parametrize(
    ("name", "tensor", "fragment"),
    [
        (f"{OUTPUT}.lora_A.weight", torch.ones(4, 32), f"module {OUTPUT} has no lora_B"),
        (f"{QUERY}.lora_A.weight", torch.ones(4, 32, 1), "is no linear layer"),
        (f"{OUTPUT}.bias", torch.ones(32), f"tensor {OUTPUT}.bias fits nothing in the base"),
        ("lm_head.weight", torch.ones(421, 32), "has shape (421, 32), but the base's (420, 32)"),
        (f"{QUERY}.lora_E", torch.ones(4), "is of an adapter that is not merged here"),
        (f"{QUERY}.lora_A.weight", torch.ones(4, 32, dtype=torch.int8), "int8: quantised weights"),
        (f"module.{QUERY}.lora_A.weight", torch.ones(4, 32), f"are both {QUERY}.lora_A.weight"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(name: str, tensor: torch.Tensor, fragment: str, tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    path = folder / "adapter_model.safetensors"
    save_file(load_file(path) | {f"base_model.model.{name}": tensor}, path)
    assert fragment in refused(folder)


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ENDLESS},
        {"exclude_modules": ENDLESS},
        {"rank_pattern": {ENDLESS: 4}},
        {"target_modules": ["q_proj"], "layers_to_transform": [0], "layers_pattern": ENDLESS},
    ],
)
def test_an_endless_pattern_of_an_adapter_is_refused(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emma_eval.utils.patterns.TIMEOUT_SECONDS", 0.1)
    read = {"target_modules": r".*", "layers_pattern": "layers"} | config
    settings = AdapterConfig(**{key: tuple(value) if isinstance(value, list) else value for key, value in read.items()})
    long = f"model.{'a' * 60}.0.self_attn.q_proj"
    with pytest.raises(UserError, match=r"adapter_config\.json: the pattern .* takes more than 0\.1 seconds"):
        settings.targets(long), settings.rank(long)


def test_trained_embeddings_of_a_base_that_ties_them_are_in_doubt(tmp_path: Path) -> None:
    head = torch.randn(420, 32)
    tied = replace(LLAVA, tied=True)
    folder = write_lora(tmp_path, {QUERY: 4}, {"lm_head.weight": head}, tied, modules_to_save=["lm_head"])
    assert "tie_word_embeddings are in doubt" in refused(folder)


BROKEN_BASES: dict[str, Callable[[Path], Any]] = {
    "a quantised base ('gptq')": lambda base: configure(base, quantization_config={"quant_method": "gptq"}),
    "a quantised base ('awq')": lambda base: configure(base, quantization_config={"quant_method": "awq", "bits": 4}),
    "a quantised base ('bitsandbytes')": lambda base: configure(
        base, quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}
    ),
    "SCB belongs to quantised weights": lambda base: edit_shards(
        base,
        lambda tensors: tensors.update({f"{QUERY}.weight": torch.ones(32, 32).char(), f"{QUERY}.SCB": torch.ones(32)}),
    ),
    "quant_map belongs to quantised weights": lambda base: edit_shards(
        base, lambda tensors: tensors.update({f"{QUERY}.weight.quant_map": torch.ones(16)})
    ),
    "qweight belongs to quantised weights": lambda base: edit_shards(
        base, lambda tensors: tensors.update({f"{QUERY}.qweight": torch.ones(4, 32, dtype=torch.int32)})
    ),
    "model_type 'mistral' is no base of llava_llama": lambda base: configure(base, model_type="mistral"),
    "model_type 'llava_mistral' is no base of llava_llama": lambda base: configure(base, model_type="llava_mistral"),
    "model_type 'qwen2' is no base of llava_llama": lambda base: configure(base, model_type="qwen2"),
    "a conversion for transformers is no base": lambda base: configure(base, model_type="llava", text_config={"a": 1}),
    "hidden_size is 64, but 32 in": lambda base: configure(base, hidden_size=64),
    "num_attention_heads is 8, but 4 in": lambda base: configure(base, num_attention_heads=8),
    "num_hidden_layers is 3, but 2 in": lambda base: configure(base, num_hidden_layers=3),
    "no weights here": lambda base: (base / "model.safetensors").unlink(),
}


@pytest.mark.parametrize(("fragment", "damage"), BROKEN_BASES.items(), ids=BROKEN_BASES)
def test_bases_that_do_not_fit_are_refused(fragment: str, damage: Callable[[Path], Any], tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    damage(tmp_path / "tiny-emma")
    assert fragment in refused(folder)


def test_a_base_with_another_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    configure(folder, vocab_size=421)
    message = refused(folder)
    assert "has shape (420, 32), but the configuration asks for (421, 32)" in message


@pytest.mark.parametrize(
    "part", ["lora/adapter_model.safetensors", "lora/adapter_config.json", "tiny-emma/model.safetensors"]
)
def test_adapter_and_base_are_in_the_fingerprint(part: str, tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    before = weights_fingerprint(folder)
    with (tmp_path / part).open("ab") as file:
        file.write(b" ")
    assert weights_fingerprint(folder) != before


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    cases = {"base": str(folder), "alignment": "base"}
    assert "an adapter itself" in refused(folder, base=cases["base"])
    assert "neither a built-in name" in refused(folder, base="nowhere")
    assert "no alignment module" in refused(folder, alignment="base")
    assert "alignment=mine: own or base is expected" in refused(folder, alignment="mine")
    for option, value in cases.items():
        assert "is a whole checkpoint" in refused(tmp_path / "tiny-emma", **{option: value})


def test_a_folder_without_what_was_trained_beside_the_adapter_is_refused(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    path = folder / "non_lora_trainables.bin"
    edit(path, lambda tensors: tensors.pop("base_model.model.model.mm_projector.2.bias"))
    assert "non_lora_trainables.bin: tensor model.mm_projector.2.bias (32,) is missing" in refused(folder)
    edit(path, lambda tensors: tensors.update({"base_model.model.model.mm_projector.2.bias": torch.ones(31)}))
    assert "non_lora_trainables.bin: tensor model.mm_projector.2.bias has shape (31,)" in refused(folder)
    path.unlink()
    assert "non_lora_trainables.bin is missing" in refused(folder)
    (folder / "adapter_model.safetensors").unlink()
    assert "the adapter's weights are missing" in refused(folder)


def test_two_alignments_in_one_folder_are_in_doubt(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4}, tiny=EMMA)
    alignment = EMMA.alignment_file()
    torch.save(alignment, folder / "vision_tower.bin")
    names = ("text_projection.weight", "text_projection.bias", "image_text_infusion.weight", "image_text_infusion.bias")
    trained = {f"base_model.model.model.vision_tower.{name}": alignment[name].clone() for name in names}
    edit(folder / "non_lora_trainables.bin", lambda tensors: tensors.update(trained))
    assert "alignment of lora" in load_model(str(folder), device="cpu").summary
    trained["base_model.model.model.vision_tower.text_projection.bias"] += 1
    edit(folder / "non_lora_trainables.bin", lambda tensors: tensors.update(trained))
    assert "unlike non_lora_trainables.bin's; which of them is meant is in doubt" in refused(folder)
    summary = load_model(str(folder), device="cpu", options={"alignment": "base"}).summary
    assert "alignment of the base (alignment=base)" in summary


def test_weights_that_are_no_numbers_end_a_question_and_not_the_program(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {})
    nan = {f"base_model.model.{QUERY}.lora_{part}.weight": torch.full(shape, torch.nan)
           for part, shape in {"A": (4, 32), "B": (32, 4)}.items()}  # fmt: skip
    save_file(nan, folder / "adapter_model.safetensors")
    with pytest.raises(SampleError, match="logits are not finite"):
        load_model(str(folder), device="cpu").ask([request("<image>\nWhy?", make_image())])


def test_what_was_trained_of_the_vision_tower_is_used_where_the_configuration_says_so(tmp_path: Path) -> None:
    """As in the reference: it loads non_lora_trainables.bin into the tower that unfreeze_mm_vision_tower made."""
    folder = write_lora(tmp_path, {QUERY: 4})
    name = "encoder.layers.1.mlp.fc1.bias"
    trained = {f"base_model.model.{TOWER}{name}": torch.full((40,), 0.625)}
    edit(folder / "non_lora_trainables.bin", lambda tensors: tensors.update(trained))
    frozen = load_model(str(folder), device="cpu", dtype="float32")
    assert f"vision tower that differs (first in vision_model.{name}) and is NOT USED" in frozen.summary
    configure(folder, unfreeze_mm_vision_tower=True)
    tower = load_model(str(folder), device="cpu", dtype="float32").model.towers.state_dict()
    changed = {key for key, value in frozen.model.towers.state_dict().items() if not torch.equal(value, tower[key])}
    assert changed == {"vision.layers.1.fc1.bias"}
    assert tower["vision.layers.1.fc1.bias"].unique().tolist() == [0.625]


def test_an_adapter_of_mistral_goes_on_a_mistral(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    configure(folder, model_type="llava_mistral")
    assert "model_type 'llava_llama' is no base of llava_mistral" in refused(folder)
    configure(tmp_path / "tiny-emma", model_type="mistral")
    summary = load_model(str(folder), device="cpu").summary
    assert "Mistral of 2 layers" in summary
    assert "conversation template mistral_instruct (of model_type llava_mistral)" in summary


def test_a_folder_of_a_checkpoint_by_another_name_is_still_a_lora_folder(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    shutil.move(folder, tmp_path / "llava-v1.5-7b")
    assert "LoRA llava-v1.5-7b (r 4, alpha 6, 1 modules)" in load_model(str(tmp_path / "llava-v1.5-7b")).summary
