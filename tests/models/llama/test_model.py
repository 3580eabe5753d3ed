"""Our LLaMA computes what transformers computes, for every supported form of config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from emma_eval.models.checkpoints.hf_config import parse_config
from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.kv_cache import KVCache
from emma_eval.models.llama.model import ForwardInputs, Llama
from emma_eval.models.llama.weights import has_rotary_rows, interleave_rotary_pairs, load_llama, stored_names
from tests.tiny_checkpoint import randomize

SHAPE = {
    "vocab_size": 90,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def both(**settings: Any) -> tuple[Llama, transformers.LlamaForCausalLM]:
    """Ours and transformers', with the same random weights and settings of config.json."""
    raw = SHAPE | settings
    torch.manual_seed(0)
    theirs = randomize(transformers.LlamaForCausalLM(transformers.LlamaConfig.from_dict(dict(raw))), 0.3).eval()
    config = parse_config(LlamaConfig, raw, Path("config.json"))
    return load_llama(config, theirs.state_dict(), Path("shards"), config.vocab_size, torch.empty(0)), theirs


@torch.no_grad()
def logits(llama: Llama, ids: torch.Tensor, **last: torch.Tensor) -> torch.Tensor:
    kv_cache = KVCache(llama.config, llama.dtype, llama.device)
    kv_cache.allocate(*ids.shape)
    kv_cache.advance(ids.shape[1])
    positions = torch.arange(ids.shape[1]).expand(ids.shape)
    inputs = ForwardInputs(llama.embed_tokens(ids), positions, None, **last)
    return llama.lm_head(llama(inputs, kv_cache).last_hidden_state)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_key_value_heads": 2},
        {"num_key_value_heads": 1, "head_dim": 16},
        {"rope_theta": 500.0, "rms_norm_eps": 0.1},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 700.0}},
        {"rope_scaling": {"type": "linear", "factor": 4.0}},
        {"rope_theta": 300.0, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"rope_parameters": {"rope_type": "linear", "factor": 8.0, "rope_theta": 900.0}},
        {"tie_word_embeddings": True},
    ],
    ids=str,
)
@torch.no_grad()
def test_logits_are_those_of_transformers(settings: dict[str, Any]) -> None:
    ours, theirs = both(**settings)
    ids = torch.randint(90, (2, 30), generator=torch.Generator().manual_seed(1))
    expected = theirs(ids).logits
    assert expected.std() > 0.5
    torch.testing.assert_close(logits(ours, ids), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_at_the_last_positions_alone_they_are_the_same() -> None:
    ours, theirs = both(num_key_value_heads=2)
    ids = torch.randint(90, (2, 9), generator=torch.Generator().manual_seed(1))
    positions = torch.tensor([[8, 3], [5, 5]])
    visible = torch.arange(9) <= positions[..., None]
    mask = torch.zeros(visible.shape).masked_fill(~visible, -torch.inf)[:, None]
    expected = theirs(ids).logits[torch.arange(2)[:, None], positions]
    found = logits(ours, ids, last_positions=positions, last_mask=mask)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kv_heads", [4, 2])
@torch.no_grad()
def test_hidden_states_and_attention_weights_are_those_of_transformers(kv_heads: int) -> None:
    ours, theirs = both(num_key_value_heads=kv_heads)
    theirs.set_attn_implementation("eager")  # the others keep no weights
    ids = torch.randint(90, (2, 20), generator=torch.Generator().manual_seed(1))
    expected = theirs(ids, output_hidden_states=True, output_attentions=True)
    inputs = ForwardInputs(ours.embed_tokens(ids), torch.arange(20).expand(2, -1))
    found = ours(inputs, output_hidden_states=True, output_attentions=True)
    assert len(found.hidden_states) == 4
    assert len(found.attentions) == 3
    for state, other in zip(found.hidden_states, expected.hidden_states, strict=True):
        assert (state - other).abs().max() <= 1e-5 * other.abs().max()
    for weights, other in zip(found.attentions, expected.attentions, strict=True):
        torch.testing.assert_close(weights, other, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_asking_for_attention_weights_changes_no_number() -> None:
    ours, _ = both()
    ids = torch.randint(90, (2, 20), generator=torch.Generator().manual_seed(1))
    inputs = ForwardInputs(ours.embed_tokens(ids), torch.arange(20).expand(2, -1))
    plain = ours(inputs)
    assert (plain.hidden_states, plain.attentions) == ((), ())
    asked = ours(inputs, output_hidden_states=True, output_attentions=True)
    assert torch.equal(asked.last_hidden_state, plain.last_hidden_state)


@torch.no_grad()
def test_behind_a_cache_the_weights_are_those_of_the_whole_prompt() -> None:
    ours, _ = both(num_key_value_heads=2)
    ids = torch.randint(90, (2, 20), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(20).expand(2, -1)
    whole = ours(ForwardInputs(ours.embed_tokens(ids), positions), output_attentions=True)
    kv_cache = KVCache(ours.config, ours.dtype, ours.device)
    kv_cache.allocate(2, 20)
    for part in (slice(0, 15), slice(15, 20)):
        kv_cache.advance(part.stop - part.start)
        inputs = ForwardInputs(ours.embed_tokens(ids[:, part]), positions[:, part])
        found = ours(inputs, kv_cache, output_attentions=True)
        torch.testing.assert_close(found.last_hidden_state, whole.last_hidden_state[:, part], rtol=1e-5, atol=1e-5)
        for weights, of_whole in zip(found.attentions, whole.attentions, strict=True):
            torch.testing.assert_close(weights, of_whole[:, :, part, : part.stop], rtol=1e-5, atol=1e-5)


class LoRA(torch.nn.Module):
    """A projection and a product of two small matrices beside it."""

    def __init__(self, projection: torch.nn.Module, down: torch.Tensor, up: torch.Tensor) -> None:
        super().__init__()
        self.projection, self.down, self.up = projection, down, up

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection(x) + x @ self.down.T @ self.up.T


@pytest.mark.parametrize("name", ["q_proj", "kv_proj", "o_proj", "gate_up_proj", "down_proj", "lm_head"])
@torch.no_grad()
def test_a_lora_layer_in_place_of_a_projection_computes_as_with_merged_weights(name: str) -> None:
    ours, theirs = both()
    owner = ours if name == "lm_head" else ours.layers[1]
    projection = getattr(owner, name)
    down, up = torch.randn(2, projection.in_features) * 0.2, torch.randn(projection.out_features, 2) * 0.2
    full_name = "lm_head.weight" if name == "lm_head" else f"layers.1.{name}.weight"
    stored = stored_names(full_name)
    ups = list(up.chunk(len(stored)))
    for part, weight_name in zip(ups, stored, strict=True):
        weight = theirs.get_parameter(weight_name)
        weight.data = weight + part @ down  # a new tensor: ours may be the old one
    if has_rotary_rows(full_name):
        ups[0] = interleave_rotary_pairs(ups[0], ours.config.head_dim)
    setattr(owner, name, LoRA(projection, down, torch.cat(ups)))
    ids = torch.randint(90, (2, 30), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(logits(ours, ids), theirs(ids).logits, rtol=1e-4, atol=1e-4)
