"""A LoRA fine-tune or a pretrained projector: the base's tensors with what was trained merged or put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.adapters import Adapter
from emma_eval.models.checkpoints.lora import Factors, merge_factors, read_adapter, refuse_other_types, replace_tensors
from emma_eval.models.checkpoints.names import PROJECTOR_PREFIX
from emma_eval.models.checkpoints.parts import CheckpointParts
from emma_eval.models.checkpoints.state_dict import read_tensors, strip_prefix
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, NON_LORA
from emma_eval.models.checkpoints.unused_tensors import ALIGNMENT, TOWER_PREFIX, is_tower_copy
from emma_eval.models.emma.config import EmmaConfig
from emma_eval.models.emma.description import read_tower_file
from emma_eval.models.llama.weights import EMBEDDING, LM_HEAD


@dataclass(frozen=True, slots=True)
class AdaptedTensors:
    """A checkpoint's tensors, and what was trained beside the adapter."""

    tensors: Mapping[str, Tensor]  # named as in the shards
    projector_source: Path  # for messages
    alignment: Mapping[str, Tensor] = field(default_factory=dict)  # trained with the adapter, without prefix
    note: str = ""  # for the description; empty for a checkpoint without base


def adapt(
    shards: Mapping[str, Tensor], source: Path, parts: CheckpointParts, config: EmmaConfig, dtype: torch.dtype
) -> AdaptedTensors:
    """The tensors of a checkpoint: `shards`, those of its base, with what its folder holds merged or put in.

    Raises UserError for what does not fit the base, and where it is in doubt which tensors are meant.
    """
    if parts.base_alignment and config.alignment is None:
        raise UserError(f"--model-option alignment=base: {config.path} is of LLaVA, which has no alignment module")
    if parts.projector is not None:
        return _with_projector(shards, parts.projector, parts, config)
    if parts.adapter is not None:
        return _with_adapter(shards, source, parts, config, dtype)
    return AdaptedTensors(shards, source)


def _with_projector(
    shards: Mapping[str, Tensor], path: Path, parts: CheckpointParts, config: EmmaConfig
) -> AdaptedTensors:
    trained = _read_whole(path)
    projector = {name for name in trained if name.startswith(PROJECTOR_PREFIX)}
    if not projector:
        raise UserError(f"{path} holds no projector ({PROJECTOR_PREFIX}*)")
    tensors = {name: value for name, value in shards.items() if not name.startswith(PROJECTOR_PREFIX)}
    replace_tensors(tensors, trained, projector, path)
    note = f"projector of {parts.folder.name} on the base {parts.base}"
    return AdaptedTensors(tensors, path, note=note + _describe_alignment(parts, {}, config))


def _with_adapter(
    shards: Mapping[str, Tensor], source: Path, parts: CheckpointParts, config: EmmaConfig, dtype: torch.dtype
) -> AdaptedTensors:
    adapter = parts.adapter
    assert adapter is not None
    factors, saved = read_adapter(adapter)
    trained = (_read_whole(adapter.non_lora) if adapter.non_lora else {}) | saved
    _refuse_in_doubt(factors, trained, adapter, config)
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
    projector_source = (adapter.non_lora or adapter.weights) if projector else source
    return AdaptedTensors(tensors, projector_source, own, note + _describe_alignment(parts, own, config))


def _read_whole(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that training wrote beside an adapter, named as in the base."""
    stored = read_tensors([path])
    refuse_other_types(stored, path)
    return stored


def _refuse_in_doubt(
    factors: Mapping[str, Factors], trained: Mapping[str, Tensor], adapter: Adapter, config: EmmaConfig
) -> None:
    """Raise UserError for adapters in the vision tower, and for trained embeddings that are the head, too."""
    if inside := next((module for module in factors if module.startswith(TOWER_PREFIX)), None):
        raise UserError(f"{adapter.weights}: module {inside} is of the vision tower, where adapters are not merged")
    trained_names = trained.keys() | {f"{module}.weight" for module in factors}
    if config.llama.tie_word_embeddings and trained_names & {EMBEDDING, LM_HEAD}:
        raise UserError(f"{adapter.folder / ADAPTER_CONFIG}: trained embeddings with tie_word_embeddings are in doubt")


def _refuse_two_alignments(parts: CheckpointParts, own: Mapping[str, Tensor]) -> None:
    """Raise UserError where non_lora_trainables.bin and vision_tower.bin of the LoRA folder hold unlike alignments."""
    path = parts.folder / "vision_tower.bin"
    if own and path.is_file():
        stored = read_tower_file(path)
        for name in sorted(own.keys() & stored.keys()):
            if not torch.equal(own[name].float(), stored[name].float()):
                raise UserError(f"{path}: tensor {name} is unlike {NON_LORA}'s; which of them is meant is in doubt")


def _describe_alignment(parts: CheckpointParts, own: Mapping[str, Tensor], config: EmmaConfig) -> str:
    if config.alignment is None:
        return ""
    if parts.base_alignment:
        return ", alignment of the base (alignment=base)"
    is_own = own or parts.alignment_folder == parts.folder
    return f", alignment of {parts.folder.name if is_own else 'the base (the folder has none)'}"


def _describe(parts: CheckpointParts, adapter: Adapter, count: int, *, own_projector: bool) -> str:
    config = adapter.config
    kind = "DoRA" if config.use_dora else "LoRA"
    alpha = f"alpha {config.lora_alpha:g}" + (", rslora" if config.use_rslora else "")
    return (
        f"{kind} {parts.folder.name} (r {config.r}, {alpha}, {count} modules) merged into {parts.base}, "
        f"projector of {'the LoRA folder' if own_projector else 'the base (the LoRA folder has none)'}"
    )
