"""LLaMA's weights as the official shards name and order them, to our module: matrices joined, rotary pairs together.

The shards hold the two halves of a head's rotary pairs one behind the other (dimensions i and i + Dh / 2); here they
are neighbours, as in LLaMA's own publication. Scores are sums over a head, so nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.models.emma.checkpoint import take
from emma_eval.models.emma.llama import Llama
from emma_eval.models.emma.llama_config import LlamaConfig

EMBEDDING, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"


def load_llama(config: LlamaConfig, shards: Mapping[str, Tensor], source: Path, vocabulary: int, like: Tensor) -> Llama:
    """The language model, its vocabulary brought to the tokenizer's size, on the device and of the type of `like`.

    Raises UserError for a tensor that is missing or does not fit the configuration.
    """
    if config.tied and HEAD not in shards and EMBEDDING in shards:
        shards = {**shards, HEAD: shards[EMBEDDING]}
    found = take(shards, shapes(config), source)
    for name in (EMBEDDING, HEAD):
        found[name] = _resize(found[name], vocabulary)
    with torch.device("meta"):
        llama = Llama(replace(config, vocabulary=vocabulary))
    llama.load_state_dict(dict(joined(config, found, like)), assign=True)
    return llama.eval().requires_grad_(False)


def shapes(config: LlamaConfig) -> dict[str, torch.Size]:
    """The tensors that the shards must hold."""
    width, attention, kv = config.width, config.heads * config.head_width, config.kv_heads * config.head_width
    layer = {
        "input_layernorm": (width,),
        "self_attn.q_proj": (attention, width),
        "self_attn.k_proj": (kv, width),
        "self_attn.v_proj": (kv, width),
        "self_attn.o_proj": (width, attention),
        "post_attention_layernorm": (width,),
        "mlp.gate_proj": (config.mlp_width, width),
        "mlp.up_proj": (config.mlp_width, width),
        "mlp.down_proj": (width, config.mlp_width),
    }
    named: dict[str, tuple[int, ...]] = {EMBEDDING: (config.vocabulary, width)}
    for index in range(config.layers):
        named |= {f"model.layers.{index}.{name}.weight": shape for name, shape in layer.items()}
    named |= {NORM: (width,), HEAD: (config.vocabulary, width)}
    return {name: torch.Size(shape) for name, shape in named.items()}


def joined(config: LlamaConfig, tensors: Mapping[str, Tensor], like: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Our parameters by name, a layer at a time: a GPU joins them sooner, and needs no room for all of them twice."""
    yield "embedding", tensors[EMBEDDING].to(like)
    for index in range(config.layers):
        part = {
            name.removeprefix(f"model.layers.{index}.").removesuffix(".weight"): value.to(like)
            for name, value in tensors.items()
            if name.startswith(f"model.layers.{index}.")
        }
        queries, keys = (pairs_together(part[f"self_attn.{name}_proj"], config.head_width) for name in "qk")
        ours = {
            "attention_norm": part["input_layernorm"],
            "queries": queries,
            "keys_values": torch.cat([keys, part["self_attn.v_proj"]]),
            "out": part["self_attn.o_proj"],
            "mlp_norm": part["post_attention_layernorm"],
            "gate_up": torch.cat([part["mlp.gate_proj"], part["mlp.up_proj"]]),
            "down": part["mlp.down_proj"],
        }
        for name, value in ours.items():
            yield f"layers.{index}.{name}.weight", value
    yield "norm.weight", tensors[NORM].to(like)
    yield "head.weight", tensors[HEAD].to(like)


def pairs_together(rows: Tensor, head_width: int) -> Tensor:
    """A head's rows (i, i + Dh / 2) as neighbours: (H Dh, D) -> (H Dh, D)."""
    return rows.reshape(-1, 2, head_width // 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)


def _resize(rows: Tensor, count: int) -> Tensor:
    """Rows (V, D) brought to `count`. A new row is the mean of all: as an output, never likelier than the likeliest."""
    if count <= len(rows):
        return rows[:count]
    return torch.cat([rows, rows.float().mean(dim=0, keepdim=True).to(rows.dtype).expand(count - len(rows), -1)])
