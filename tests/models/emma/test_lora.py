"""LoRA folders written here: patterns and whole modules by an independent formula, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from emma_eval.errors import UserError
from emma_eval.models import load_model, weights_fingerprint
from emma_eval.models.checkpoints.adapters import Adapter, AdapterConfig
from emma_eval.models.checkpoints.lora import merge_factors, read_adapter
from tests.tiny_checkpoint import LLAVA

QUERY, OUTPUT = (f"model.layers.0.self_attn.{name}_proj" for name in "qo")


def write_lora(root: Path, ranks: dict[str, int], whole: dict[str, torch.Tensor] | None = None, **config: Any) -> Path:
    """A LoRA folder beside its base `tiny-emma`; the ranks by module."""
    base, folder = LLAVA.write(root), root / "lora"
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


@pytest.mark.parametrize(
    ("config", "ranks", "scales"),
    [
        ({}, {QUERY: 4, OUTPUT: 4}, (6 / 4, 6 / 4)),
        ({"use_rslora": True}, {QUERY: 4, OUTPUT: 4}, (6 / math.sqrt(4), 6 / math.sqrt(4))),
        ({"rank_pattern": {"o_proj": 2}}, {QUERY: 4, OUTPUT: 2}, (6 / 4, 6 / 2)),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 10}}, {QUERY: 4, OUTPUT: 4}, (10 / 4, 6 / 4)),
    ],
)
def test_scales(config: dict[str, Any], ranks: dict[str, int], scales: tuple[float, float], tmp_path: Path) -> None:
    folder = write_lora(tmp_path, ranks, **config)
    adapter = Adapter(folder, AdapterConfig.model_validate(json.loads((folder / "adapter_config.json").read_text())))
    factors, _ = read_adapter(adapter)
    tensors = {f"{module}.weight": torch.zeros(32, 32) for module in ranks}
    merge_factors(tensors, factors, adapter, torch.float32)
    for module, scale in zip(ranks, scales, strict=True):
        expected = scale * torch.einsum("or,ri->oi", factors[module]["B"].double(), factors[module]["A"].double())
        torch.testing.assert_close(tensors[f"{module}.weight"].double(), expected, rtol=1e-6, atol=1e-5)


def test_whole_modules_replace_the_bases(tmp_path: Path) -> None:
    head = torch.randn(420, 32)
    folder = write_lora(tmp_path, {QUERY: 4}, {"lm_head.weight": head}, modules_to_save=["lm_head"])
    loaded = load_model(str(folder), device="cpu", dtype="float32")
    torch.testing.assert_close(loaded.model.llama.lm_head.weight, head)
    assert "projector of the LoRA folder" in loaded.summary


@pytest.mark.parametrize(
    ("config", "ranks", "fragment"),
    [
        ({"base_model_name_or_path": "nowhere"}, {QUERY: 4}, "give --model-option base=FOLDER"),
        ({"peft_type": "IA3"}, {QUERY: 4}, "peft_type 'IA3'"),
        ({"use_dora": True}, {QUERY: 4}, "use_dora True"),
        ({"bias": "all"}, {QUERY: 4}, "bias 'all'"),
        ({"init_lora_weights": "pissa"}, {QUERY: 4}, "'pissa'"),
        ({"target_modules": ["c_attn"]}, {QUERY: 4}, "'c_attn' fits nothing"),
        ({}, {"model.layers.9.self_attn.q_proj": 4}, "fits nothing in the base"),
        ({}, {"model.layers.0.mlp.down_proj": 4}, "is of size (32, 32)"),
        ({}, {QUERY: 8}, "rank 8"),
    ],
)
def test_what_is_refused(config: dict[str, Any], ranks: dict[str, int], fragment: str, tmp_path: Path) -> None:
    folder = write_lora(tmp_path, ranks, **config)
    with pytest.raises(UserError) as failure:
        load_model(str(folder), device="cpu")
    assert fragment in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    "part", ["lora/adapter_model.safetensors", "lora/adapter_config.json", "tiny-emma/model.safetensors"]
)
def test_adapter_and_base_are_in_the_fingerprint(part: str, tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    before = weights_fingerprint(folder)
    with (tmp_path / part).open("ab") as file:
        file.write(b" ")
    assert weights_fingerprint(folder) != before


def test_a_quantised_base_or_adapter_is_refused(tmp_path: Path) -> None:
    folder = write_lora(tmp_path / "1", {}, {f"{QUERY}.lora_A.weight": torch.ones(4, 32, dtype=torch.int8)})
    with pytest.raises(UserError, match="int8: quantised weights"):
        load_model(str(folder), device="cpu")
    folder = write_lora(tmp_path / "2", {QUERY: 4})
    path = tmp_path / "2" / "tiny-emma" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(UserError, match="a quantised base"):
        load_model(str(folder), device="cpu")


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    cases = {"base": str(folder), "alignment": "base"}
    with pytest.raises(UserError, match="an adapter itself"):
        load_model(str(folder), device="cpu", options={"base": cases["base"]})
    with pytest.raises(UserError, match="no alignment module"):
        load_model(str(folder), device="cpu", options={"alignment": "base"})
    for option, value in cases.items():
        with pytest.raises(UserError, match="is no LoRA folder"):
            load_model(str(tmp_path / "tiny-emma"), device="cpu", options={option: value})


def test_a_folder_without_what_was_trained_beside_the_adapter_is_refused(tmp_path: Path) -> None:
    folder = write_lora(tmp_path, {QUERY: 4})
    (folder / "non_lora_trainables.bin").unlink()
    with pytest.raises(UserError, match=r"non_lora_trainables\.bin is missing"):
        load_model(str(folder), device="cpu")
