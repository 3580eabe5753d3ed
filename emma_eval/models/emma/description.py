"""What was built of a checkpoint, in one line, and what of its files was left unused although it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.state_dict import read_tensors, without_prefix
from emma_eval.models.checkpoints.unused_tensors import TOWER, is_of_tower, refuse_leftovers
from emma_eval.models.clip.model import ClipTowers, Towers
from emma_eval.models.clip.weights import unlike
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.config import EmmaConfig

LEARNABLE = "learnable_tokens"


def described(config: EmmaConfig, tower: str, dtype: torch.dtype, device: torch.device) -> str:
    """`EMMA v1: LLaMA of 32 layers x 4096, mlp2x_gelu, vision tower /models/clip-... layer -2, float16 on cuda`."""
    what = f"EMMA {config.alignment.version}" if config.alignment else "LLaVA-1.5 (no alignment module)"
    listens = f", text tower layer {config.alignment.text_layer}" if config.alignment else ""
    padded = "padded to a square" if config.pad_to_square else "not padded"
    return (
        f"{what}: LLaMA of {config.llama.num_layers} layers x {config.llama.hidden_size}, "
        f"projector {config.projector}, "
        f"vision tower {tower} layer {config.vision_layer}{listens}, images {padded}, "
        f"{str(dtype).removeprefix('torch.')} on {device}"
    )


def clip_copy(tensors: Mapping[str, Tensor], prefix: str = TOWER) -> dict[str, Tensor]:
    """CLIP's tensors below a prefix, named as in a CLIP folder."""
    return without_prefix(tensors, prefix + "vision_tower.") | without_prefix(tensors, prefix + "text_encoder.")


def tower_file(path: Path) -> dict[str, Tensor]:
    """vision_tower.bin with bare names. Raises UserError for tensors of no tower, and for two of a name that differ."""
    if not path.exists():
        raise UserError(f"{path} is missing: EMMA's alignment module, without which the model is another one")
    stored = read_tensors([path])
    prefixed = without_prefix(stored, TOWER)
    bare = {name: value for name, value in stored.items() if not name.startswith(TOWER)}
    refuse_leftovers((name for name in bare | prefixed if not is_of_tower(name)), path)
    for name in sorted(bare.keys() & prefixed.keys()):
        if not torch.equal(bare[name], prefixed[name]):
            raise UserError(f"{path}: tensor {name} and {TOWER}{name} differ; which of them is meant is in doubt")
    return bare | prefixed


def notes_on(
    config: EmmaConfig, folder: Path, shards: Mapping[str, Tensor], towers: Towers, alignment: Alignment | None
) -> list[str]:
    """What of a checkpoint is not used although it differs from what is: the reference does not use it either."""
    return list(_notes(config, folder, shards, towers, alignment))


def _notes(
    config: EmmaConfig, folder: Path, shards: Mapping[str, Tensor], towers: Towers, alignment: Alignment | None
) -> Iterator[str]:
    mend = "NOT USED, as unfreeze_mm_vision_tower is not true in config.json: set it if the tower was trained"
    file = tower_file(folder / "vision_tower.bin") if alignment and (folder / "vision_tower.bin").is_file() else {}
    if not config.tower_in_shards and isinstance(towers, ClipTowers):
        if name := unlike(towers, clip_copy(shards)):
            yield f"NOTE: the shards hold a vision tower that differs (first in {name}) and is {mend}"
        elif name := unlike(towers, clip_copy(file, "")):
            yield f"NOTE: vision_tower.bin holds a CLIP that differs (first in {name}) and is {mend}"
    if alignment is None:
        return
    if not config.tower_in_shards:
        own, copy = alignment.state_dict(), without_prefix(shards, TOWER)
        if any(name in copy and not _alike(copy[name], value) for name, value in own.items()):
            yield f"NOTE: the shards hold an alignment module unlike vision_tower.bin's, {mend}"
    if alignment.learnable_tokens is None and LEARNABLE in file and bool(file[LEARNABLE].any()):
        yield "NOTE: vision_tower.bin holds learnable_tokens, which encoder_version v1 does not use"


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one.float(), other.float(), rtol=2**-7, atol=1e-6)
