"""A LoRA fine-tune of LLaVA or EMMA: the base's tensors with the adapter merged and the trained parts put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.adapters import Adapter, CheckpointParts
from emma_eval.models.checkpoints.lora import merge_factors, read_adapter, read_non_lora, replace_tensors
from emma_eval.models.checkpoints.state_dict import strip_prefix
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, NON_LORA
from emma_eval.models.checkpoints.unused_tensors import ALIGNMENT, TOWER_PREFIX, is_tower_copy
from emma_eval.models.emma.config import EmmaConfig
from emma_eval.models.emma.description import read_tower_file
from emma_eval.models.llama.weights import EMBEDDING

PROJECTOR_PREFIX = "model.mm_projector."


@dataclass(frozen=True, slots=True)
class AdaptedTensors:
    """A checkpoint's tensors, and what was trained beside the adapter."""

    tensors: Mapping[str, Tensor]  # named as in the shards
    projector_source: Path  # for messages
    alignment: Mapping[str, Tensor] = field(default_factory=dict)  # trained with the adapter, without prefix
    note: str = ""  # for the description; empty for a checkpoint without adapter


def adapt(
    shards: Mapping[str, Tensor], source: Path, parts: CheckpointParts, config: EmmaConfig, dtype: torch.dtype
) -> AdaptedTensors:
    """The tensors of a checkpoint: `shards`, those of its base, with its adapter merged if it has one.

    Raises UserError for an adapter that does not fit the base, and where it is in doubt which tensors are meant.
    """
    adapter = parts.adapter
    if adapter is None:
        return AdaptedTensors(shards, source)
    if parts.base_alignment and config.alignment is None:
        raise UserError(f"--model-option alignment=base: {config.path} is of LLaVA, which has no alignment module")
    factors, saved = read_adapter(adapter)
    if inside := next((module for module in factors if module.startswith(TOWER_PREFIX)), None):
        raise UserError(f"{adapter.weights}: module {inside} is of the vision tower, where adapters are not merged")
    trained = (read_non_lora(adapter.non_lora) if adapter.non_lora else {}) | saved
    if EMBEDDING in trained and config.llama.tie_word_embeddings:
        raise UserError(f"{adapter.folder / ADAPTER_CONFIG}: trained embeddings with tie_word_embeddings are in doubt")
    own = {name: value for name, value in strip_prefix(trained, TOWER_PREFIX).items() if ALIGNMENT.fullmatch(name)}
    if parts.base_alignment:
        trained = {name: value for name, value in trained.items() if name.removeprefix(TOWER_PREFIX) not in own}
        own = {}
    _refuse_two_alignments(parts, own)
    projector = {name for name in trained if name.startswith(PROJECTOR_PREFIX)}
    if not projector and adapter.non_lora is None:
        raise UserError(
            f"{adapter.folder / NON_LORA} is missing: training writes it, with the projector, beside the adapter; "
            "complete the folder"
        )
    tensors = {name: value for name, value in shards.items() if not (projector and name.startswith(PROJECTOR_PREFIX))}
    new = projector | {name for name in trained if is_tower_copy(name)}
    replace_tensors(tensors, trained, new, adapter.non_lora or adapter.weights)
    if not any(name.startswith(PROJECTOR_PREFIX) for name in tensors):
        raise UserError(f"{adapter.folder}: no projector: neither {NON_LORA} nor the base {parts.base} holds one")
    merge_factors(tensors, factors, adapter, dtype)
    note = _describe(parts, adapter, len(factors), own_projector=bool(projector))
    if config.alignment:
        note += f", alignment of {_origin_of_alignment(parts, own)}"
    projector_source = (adapter.non_lora or adapter.weights) if projector else source
    return AdaptedTensors(tensors, projector_source, own, note)


def _refuse_two_alignments(parts: CheckpointParts, own: Mapping[str, Tensor]) -> None:
    """Raise UserError where non_lora_trainables.bin and vision_tower.bin of the LoRA folder hold unlike alignments."""
    path = parts.folder / "vision_tower.bin"
    if own and path.is_file():
        stored = read_tower_file(path)
        for name in sorted(own.keys() & stored.keys()):
            if not torch.equal(own[name].float(), stored[name].float()):
                raise UserError(f"{path}: tensor {name} is unlike {NON_LORA}'s; which of them is meant is in doubt")


def _origin_of_alignment(parts: CheckpointParts, own: Mapping[str, Tensor]) -> str:
    if parts.base_alignment:
        return "the base (alignment=base)"
    return "the LoRA folder" if own or parts.alignment_folder == parts.folder else "the base (the LoRA folder has none)"


def _describe(parts: CheckpointParts, adapter: Adapter, count: int, *, own_projector: bool) -> str:
    config = adapter.config
    alpha = f"alpha {config.lora_alpha:g}" + (", rslora" if config.use_rslora else "")
    return (
        f"LoRA {parts.folder.name} (r {config.r}, {alpha}, {count} modules) merged into {parts.base}, "
        f"projector of {'the LoRA folder' if own_projector else 'the base (the LoRA folder has none)'}"
    )
