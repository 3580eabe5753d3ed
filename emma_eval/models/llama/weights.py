"""LLaMA's weights as the official shards name them, loaded into our module.

K and V are one fused projection, gate and up another. What exists once for text and once for images is `multiway.0`
and `multiway.1` in the shards. The shards hold the two halves of a head's rotary pairs apart
(dimensions i and i + Dh / 2); here they are adjacent, as in LLaMA's own publication. Attention scores are sums over a
head, so nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.state_dict import SkipInitialization, concatenated, parts_of_parameters
from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.model import Llama

EMBEDDING, LM_HEAD = "model.embed_tokens.weight", "lm_head.weight"
# Names in our module -> names in the shards.
OUTSIDE_LAYERS = {"embed_tokens.weight": EMBEDDING, "norm.weight": "model.norm.weight", "lm_head.weight": LM_HEAD}
# Modules of a layer; several stored ones are concatenated along the output dimension.
LAYER_MODULES = {
    "attention_norm": ("input_layernorm",),
    "q_proj": ("self_attn.q_proj",),
    "kv_proj": ("self_attn.k_proj", "self_attn.v_proj"),
    "o_proj": ("self_attn.o_proj",),
    "mlp_norm": ("post_attention_layernorm",),
    "gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
    "down_proj": ("mlp.down_proj",),
}
MODALITIES = {"text": ".multiway.0", "image": ".multiway.1"}


def load_llama(config: LlamaConfig, shards: Mapping[str, Tensor], source: Path, vocab_size: int, like: Tensor) -> Llama:
    """The language model with `vocab_size` rows of embedding and head, on the device and of the dtype of `like`.

    `source` is the file or folder for messages. Raises UserError for a tensor that is missing or does not fit the
    configuration.
    """
    if config.tie_word_embeddings and EMBEDDING in shards:
        if not torch.equal(shards.get(LM_HEAD, shards[EMBEDDING]), shards[EMBEDDING]):
            raise UserError(
                f"{source}: {LM_HEAD} is unlike {EMBEDDING}, but config.json says tie_word_embeddings: true"
            )
        shards = {**shards, LM_HEAD: shards[EMBEDDING]}
    with torch.device("meta"), SkipInitialization():
        as_stored, llama = Llama(config), Llama(config.model_copy(update={"vocab_size": vocab_size}))
    state = {}
    for name, stored in parts_of_parameters(as_stored, stored_names, shards, source).items():
        parts = [part.to(like) for part in stored]  # concatenated on the device, where it is faster
        if has_rotary_rows(name):
            parts[0] = interleave_rotary_pairs(parts[0], config.head_dim)
        in_vocabulary = name in ("embed_tokens.weight", "lm_head.weight")
        state[name] = resize_vocabulary(parts[0], vocab_size) if in_vocabulary else concatenated(parts)
    llama.load_state_dict(state, assign=True)
    return llama.eval().requires_grad_(False)


def all_stored_names(llama: Llama) -> set[str]:
    """Every tensor of the shards that the language model reads."""
    return {stored for name in llama.state_dict() for stored in stored_names(name)}


def stored_names(name: str) -> tuple[str, ...]:
    """The shards' tensors that are concatenated in one of our parameters."""
    if name in OUTSIDE_LAYERS:
        return (OUTSIDE_LAYERS[name],)
    _, index, module, *modality, _ = name.split(".")  # layers.3.q_proj.weight, layers.3.kv_proj.image.weight
    way = "".join(MODALITIES[one] for one in modality)
    return tuple(f"model.layers.{index}.{stored}{way}.weight" for stored in LAYER_MODULES[module])


def official_tensors(name: str, parameter: Tensor, head_dim: int) -> Iterator[tuple[str, Tensor]]:
    """One of our parameters as the shards have it, name and tensor: fused projections split, rotary pairs apart."""
    stored = stored_names(name)
    parts = list(parameter.chunk(len(stored)))
    if has_rotary_rows(name):
        parts[0] = separate_rotary_pairs(parts[0], head_dim)
    yield from zip(stored, parts, strict=True)


def has_rotary_rows(name: str) -> bool:
    """Whether the first stored part of a parameter gives queries or keys, which the rotary embedding rotates."""
    return "q_proj" in name or "kv_proj" in name


def interleave_rotary_pairs(rows: Tensor, head_dim: int) -> Tensor:
    """Each head's rows i and i + Dh / 2 made adjacent: (H Dh, D) -> (H Dh, D)."""
    return rows.reshape(-1, 2, head_dim // 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)


def separate_rotary_pairs(rows: Tensor, head_dim: int) -> Tensor:
    """The inverse of `interleave_rotary_pairs`: (H Dh, D) -> (H Dh, D)."""
    return rows.reshape(-1, head_dim // 2, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)


def resize_vocabulary(rows: Tensor, vocab_size: int) -> Tensor:
    """(V, D) -> (vocab_size, D). A new row is the mean of all: as an output it is never the likeliest."""
    if vocab_size <= len(rows):
        return rows[:vocab_size]
    mean = rows.float().mean(dim=0, keepdim=True).to(rows.dtype)
    return torch.cat([rows, mean.expand(vocab_size - len(rows), -1)])
