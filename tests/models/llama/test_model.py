"""Our LLaMA gives transformers' logits, whatever config.json says in whichever of its dialects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from emma_eval.models.checkpoints.hf_config import Settings
from emma_eval.models.llama.config import read_llama_config
from emma_eval.models.llama.kv_cache import KVCache
from emma_eval.models.llama.model import ForwardInputs, Llama
from emma_eval.models.llama.weights import load_llama
from tests.tiny_checkpoint import scatter

SHAPE = {
    "vocab_size": 90,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def both(**said: Any) -> tuple[Llama, transformers.LlamaForCausalLM]:
    """Ours and transformers', of the same random weights; what config.json says is for transformers to read, too."""
    raw = SHAPE | said
    torch.manual_seed(0)
    theirs = scatter(transformers.LlamaForCausalLM(transformers.LlamaConfig.from_dict(dict(raw))), 0.3).eval()
    config = read_llama_config(Settings(Path("config.json"), raw))
    return load_llama(config, theirs.state_dict(), Path("shards"), config.vocab_size, torch.empty(0)), theirs


@torch.no_grad()
def logits(llama: Llama, ids: torch.Tensor, **ends: torch.Tensor) -> torch.Tensor:
    kv_cache = KVCache(llama.config, llama.dtype, llama.device)
    kv_cache.allocate(*ids.shape)
    kv_cache.advance(ids.shape[1])
    positions = torch.arange(ids.shape[1]).expand(ids.shape)
    inputs = ForwardInputs(llama.embed_tokens(ids), positions, None, **ends)
    return llama.lm_head(llama(inputs, kv_cache).last_hidden_state)


@pytest.mark.parametrize(
    "said",
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
def test_logits_are_those_of_transformers(said: dict[str, Any]) -> None:
    ours, theirs = both(**said)
    ids = torch.randint(90, (2, 30), generator=torch.Generator().manual_seed(1))
    expected = theirs(ids).logits
    assert expected.std() > 0.5
    torch.testing.assert_close(logits(ours, ids), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_at_the_ends_alone_they_are_the_same() -> None:
    ours, theirs = both(num_key_value_heads=2)
    ids = torch.randint(90, (2, 9), generator=torch.Generator().manual_seed(1))
    ends = torch.tensor([[8, 3], [5, 5]])
    seen = torch.arange(9) <= ends[..., None]
    mask = torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)[:, None]
    expected = theirs(ids).logits[torch.arange(2)[:, None], ends]
    found = logits(ours, ids, last_positions=ends, last_mask=mask)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
