"""Adapters that PEFT writes are merged as PEFT merges them; other kinds that it writes are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.adapters import Adapter, read_adapter_config
from emma_eval.models.checkpoints.lora import merge_factors, read_adapter, replace_tensors

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"target_modules": ["q_proj", "v_proj"], "r": 4, "lora_alpha": 16},
    "rslora": {"target_modules": ATTENTION, "r": 4, "lora_alpha": 16, "use_rslora": True},
    "patterns": {
        "target_modules": [*ATTENTION, "down_proj"],
        "rank_pattern": {r"^model\.layers\.0\..*q_proj": 2, "v_proj": 3, r"layers\.[1-9]\.mlp\.down_proj": 5},
        "alpha_pattern": {r"layers\.\d\.self_attn\.[ko]_proj": 3, "q_proj": 7, "proj": 99},
        "lora_alpha": 12,
    },
    "patterns that fit a part of a name": {
        "target_modules": ATTENTION, "rank_pattern": {"proj": 2, "attn.v_proj": 3}, "alpha_pattern": {"_proj": 40},
    },
    "dora": {"target_modules": [*ATTENTION, "gate_proj"], "use_dora": True, "lora_alpha": 20},
    "dora, rslora": {"target_modules": ["up_proj"], "use_dora": True, "use_rslora": True},
    "whole modules": {
        "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head", "norm", "mm_projector"],
    },
    "a whole module that is named exactly": {"target_modules": ATTENTION, "modules_to_save": ["layers.1.mlp.up_proj"]},
    "biases of all": {"target_modules": ATTENTION, "bias": "all"},
    "biases of adapted modules": {"target_modules": [*ATTENTION, "mm_projector.0"], "bias": "lora_only"},
    "an expression": {"target_modules": r"model\.layers\.1\..*(q|up)_proj"},
    "all linear": {"target_modules": "all-linear"},
    "one layer": {"target_modules": ATTENTION, "layers_to_transform": 1},
    "a list of layers": {"target_modules": ATTENTION, "layers_to_transform": [0], "layers_pattern": "layers"},
    "layers by several patterns": {
        "target_modules": ATTENTION, "layers_to_transform": [1], "layers_pattern": ["h", "layers"],
    },
    "modules left out": {"target_modules": ATTENTION, "exclude_modules": r".*layers\.0.*"},
    "modules left out by name": {"target_modules": "all-linear", "exclude_modules": ["v_proj", "mm_projector.2"]},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"], "lora_alpha": 24},
    "embeddings and head": {"target_modules": ["embed_tokens", "lm_head"], "use_rslora": True},
    "fan_in_fan_out, which PEFT takes back": {"target_modules": ATTENTION, "fan_in_fan_out": True},
}  # fmt: skip


def language_model() -> LlamaForCausalLM:
    """A tiny random LLaMA with a projector, as LLaVA's."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.model.mm_projector = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 16))
    return randomized(model, "")


def randomized(model: Any, only: str) -> Any:
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.requires_grad and only in name:
                value.copy_(torch.randn_like(value) * 0.5 + 0.2)
    return model


def by_peft(folder: Path, **config: Any) -> dict[str, Tensor]:
    """Train nothing, but change all that would be trained; save the adapter, and merge it."""
    model = randomized(peft.get_peft_model(language_model(), peft.LoraConfig(**config)), "")
    model.save_pretrained(folder)
    return dict(model.merge_and_unload().state_dict())


def by_us(folder: Path, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    adapter = Adapter(folder, read_adapter_config(folder))
    factors, whole = read_adapter(adapter)
    tensors = dict(language_model().state_dict())
    replace_tensors(tensors, whole, (), adapter.weights)
    merge_factors(tensors, factors, adapter, dtype)
    return tensors


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("config", SETTINGS.values(), ids=SETTINGS)
def test_a_merge_is_that_of_peft(config: dict[str, Any], tmp_path: Path) -> None:
    theirs, ours = by_peft(tmp_path, **config), by_us(tmp_path)
    base = language_model().state_dict()
    assert ours.keys() == theirs.keys()
    assert any(not torch.equal(theirs[name], base[name]) for name in base)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=0, atol=1e-5, msg=name)


def change_config(folder: Path, **settings: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def refuses(folder: Path, *fragments: str) -> None:
    with pytest.raises(UserError) as failure:
        by_us(folder)
    message = str(failure.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message, message


OTHER_KINDS: dict[str, dict[str, Any]] = {
    "lora_bias True": {"target_modules": ["mm_projector.0"], "lora_bias": True},
    "trainable_token_indices [1, 2]": {"target_modules": ["q_proj"], "trainable_token_indices": [1, 2]},
    "layer_replication [[0, 2], [1, 2]]": {"target_modules": ["q_proj"], "layer_replication": [(0, 2), (1, 2)]},
    "DoRA of the embeddings (model.embed_tokens)": {"target_modules": ["embed_tokens"], "use_dora": True},
    "init_lora_weights 'pissa'": {"target_modules": ["q_proj"], "init_lora_weights": "pissa"},
    "init_lora_weights 'olora'": {"target_modules": ["q_proj"], "init_lora_weights": "olora"},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "config"), OTHER_KINDS.items(), ids=OTHER_KINDS)
def test_other_kinds_of_lora_are_refused_by_name(name: str, config: dict[str, Any], tmp_path: Path) -> None:
    by_peft(tmp_path, **config)
    refuses(tmp_path, name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "config",
    [
        peft.IA3Config(target_modules=["k_proj"], feedforward_modules=[]),
        peft.LoHaConfig(target_modules=["k_proj"]),
        peft.AdaLoraConfig(target_modules=["k_proj"], total_step=10, tinit=1, tfinal=2),
        peft.VeraConfig(target_modules=["k_proj"]),
        peft.OFTConfig(target_modules=["q_proj"], oft_block_size=4),
        peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    ],
    ids=lambda config: config.peft_type.value,
)
def test_adapters_other_than_lora_are_refused_by_name(config: Any, tmp_path: Path) -> None:
    peft.get_peft_model(language_model(), config).save_pretrained(tmp_path)
    refuses(tmp_path, f"peft_type '{config.peft_type.value}' is not supported")


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({"use_qalora": True}, "use_qalora True is not supported"),
        ({"loftq_config": {"loftq_bits": 4}}, "loftq_config {'loftq_bits': 4} is not supported"),
        ({"invented_later": 1}, "invented_later 1 is not supported"),
        ({"rank_pattern": {"(q_proj": 4}}, "'(q_proj' is no regular expression"),
        ({"target_modules": "*q_proj"}, "'*q_proj' is no regular expression"),
        ({"target_modules": ["q_proj", "v_proj", "up_proj"]}, "target_modules 'up_proj' fits nothing"),
        ({"target_modules": r".*\.(q|k|v)_proj"}, "nothing for module model.layers.0.self_attn.k_proj"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save 'lm_head' fits nothing"),
        ({"use_dora": True}, "has no lora_magnitude_vector"),
        ({"r": 4}, "has rank 8 (A) and 8 (B), but adapter_config.json says 4"),
        ({"r": 0}, "r 0 must be a number of 1 or more"),
        ({"lora_alpha": "16"}, "lora_alpha '16' must be a number"),
    ],
)
def test_settings_that_do_not_fit_the_adapter_are_refused(
    settings: dict[str, Any], fragment: str, tmp_path: Path
) -> None:
    by_peft(tmp_path, target_modules=["q_proj", "v_proj"])
    change_config(tmp_path, **settings)
    refuses(tmp_path, fragment)


def test_lengths_that_the_settings_do_not_announce_are_refused(tmp_path: Path) -> None:
    by_peft(tmp_path, target_modules=["q_proj"], use_dora=True)
    change_config(tmp_path, use_dora=False)
    refuses(tmp_path, "has lora_magnitude_vector, which adapter_config.json does not announce")
