"""LLaMA's weights as the official shards name and order them, to our module: matrices joined, rotary pairs together.

The shards hold the two halves of a head's rotary pairs one behind the other (dimensions i and i + Dh / 2); here they
are neighbours, as in LLaMA's own publication. Scores are sums over a head, so nothing else changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.state_dict import joined, parts_of
from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.model import Llama

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
OUTSIDE = {"embed_tokens.weight": EMBEDDING, "norm.weight": "model.norm.weight", "lm_head.weight": HEAD}
IN_LAYER = {
    "attention_norm": ("input_layernorm",),
    "q_proj": ("self_attn.q_proj",),
    "kv_proj": ("self_attn.k_proj", "self_attn.v_proj"),
    "o_proj": ("self_attn.o_proj",),
    "mlp_norm": ("post_attention_layernorm",),
    "gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
    "down_proj": ("mlp.down_proj",),
}


def load_llama(config: LlamaConfig, shards: Mapping[str, Tensor], source: Path, vocabulary: int, like: Tensor) -> Llama:
    """The language model, its vocabulary brought to the tokenizer's size, on the device and of the type of `like`.

    Raises UserError for a tensor that is missing or does not fit the configuration.
    """
    if config.tie_embeddings and EMBEDDING in shards:
        if not torch.equal(shards.get(HEAD, shards[EMBEDDING]), shards[EMBEDDING]):
            raise UserError(f"{source}: {HEAD} is unlike {EMBEDDING}, but config.json says tie_word_embeddings: true")
        shards = {**shards, HEAD: shards[EMBEDDING]}
    with torch.device("meta"):
        stored, llama = Llama(config), Llama(replace(config, vocab_size=vocabulary))
    state = {}
    for name, parts in parts_of(stored, stored_names, shards, source).items():
        placed = [part.to(like) for part in parts]  # and joined there: a GPU does it sooner
        if is_turned(name):
            placed[0] = pairs_together(placed[0], config.head_dim)
        state[name] = (
            resized(placed[0], vocabulary) if name in ("embed_tokens.weight", "lm_head.weight") else joined(placed)
        )
    llama.load_state_dict(state, assign=True)
    return llama.eval().requires_grad_(False)


def all_stored_names(llama: Llama) -> set[str]:
    """Every tensor of the shards that the language model reads."""
    return {stored for name in llama.state_dict() for stored in stored_names(name)}


def stored_names(name: str) -> tuple[str, ...]:
    """The shards' tensors that one of our parameters joins."""
    if name in OUTSIDE:
        return (OUTSIDE[name],)
    _, index, part, _ = name.split(".")  # layers.3.q_proj.weight
    return tuple(f"model.layers.{index}.{theirs}.weight" for theirs in IN_LAYER[part])


def is_turned(name: str) -> bool:
    """Whether rotary positions turn what the first of a parameter's parts gives: queries, and keys."""
    return "q_proj" in name or "kv_proj" in name


def pairs_together(rows: Tensor, head_width: int) -> Tensor:
    """A head's rows (i, i + Dh / 2) as neighbours: (H Dh, D) -> (H Dh, D)."""
    return rows.reshape(-1, 2, head_width // 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)


def resized(rows: Tensor, count: int) -> Tensor:
    """Rows (V, D) brought to `count`. A new row is the mean of all: as an output, never likelier than the likeliest."""
    if count <= len(rows):
        return rows[:count]
    return torch.cat([rows, rows.float().mean(dim=0, keepdim=True).to(rows.dtype).expand(count - len(rows), -1)])
