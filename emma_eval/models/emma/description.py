"""The line that says what was built of a checkpoint, and what of its files was left unused although it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.state_dict import equal_up_to_rounding, read_tensors, strip_prefix
from emma_eval.models.checkpoints.unused_tensors import TOWER_PREFIX, is_tower_tensor, refuse_unused
from emma_eval.models.clip.model import ClipTowers, Towers
from emma_eval.models.clip.weights import first_difference
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.config import EmmaConfig

LEARNABLE = "learnable_tokens"


def describe_model(config: EmmaConfig, tower: str, dtype: torch.dtype, device: torch.device) -> str:
    """`EMMA v1: LLaMA of 32 layers x 4096, mlp2x_gelu, vision tower /models/clip-... layer -2, float16 on cuda`."""
    llava, llama, alignment = config.llava, config.llama, config.alignment
    name = f"EMMA {alignment.encoder_version}" if alignment else "LLaVA-1.5 (no alignment module)"
    text_tower = f", text tower layer {alignment.mm_text_select_layer}" if alignment else ""
    return (
        f"{name}: {llama.family} of {llama.num_hidden_layers} layers x {llama.hidden_size}, "
        f"projector {llava.mm_projector_type}, vision tower {tower} layer {llava.mm_vision_select_layer}{text_tower}, "
        f"images {'padded to a square' if llava.squaring == 'pad' else 'not padded'}, "
        f"{str(dtype).removeprefix('torch.')} on {device}"
    )


def describe_window(window: int | None, *, applied: bool) -> str:
    """What becomes of Mistral's sliding window; empty for a model without one."""
    if window is None:
        return ""
    return f"sliding window of {window:,} tokens " + ("applied" if applied else "ignored, as in LLaVA's own code")


def clip_tensors(tensors: Mapping[str, Tensor], prefix: str = TOWER_PREFIX) -> dict[str, Tensor]:
    """CLIP's tensors below a prefix, named as in a CLIP folder."""
    return strip_prefix(tensors, prefix + "vision_tower.") | strip_prefix(tensors, prefix + "text_encoder.")


def read_tower_file(path: Path) -> dict[str, Tensor]:
    """The tensors of vision_tower.bin by their names without prefix.

    Raises UserError for a tensor that is of no tower, and where bare and prefixed tensors of one name differ.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: EMMA's alignment module, without which the model is another one")
    stored = read_tensors([path])
    prefixed = strip_prefix(stored, TOWER_PREFIX)
    bare = {name: value for name, value in stored.items() if not name.startswith(TOWER_PREFIX)}
    refuse_unused((name for name in bare | prefixed if not is_tower_tensor(name)), path)
    for name in sorted(bare.keys() & prefixed.keys()):
        if not torch.equal(bare[name], prefixed[name]):
            raise UserError(
                f"{path}: tensor {name} and {TOWER_PREFIX}{name} differ; which of them is meant is in doubt"
            )
    return bare | prefixed


def unused_differences(
    config: EmmaConfig, folder: Path, shards: Mapping[str, Tensor], towers: Towers, alignment: Alignment | None
) -> Iterator[str]:
    """Notes on tensors that differ from those in use, but are not used, as in the reference."""
    mend = "NOT USED, as unfreeze_mm_vision_tower is not true in config.json: set it if the tower was trained"
    frozen = not config.llava.unfreeze_mm_vision_tower
    path = folder / "vision_tower.bin"
    tower_file = read_tower_file(path) if alignment and path.is_file() else {}
    if frozen and isinstance(towers, ClipTowers):
        if name := first_difference(towers, clip_tensors(shards)):
            yield f"NOTE: the shards hold a vision tower that differs (first in {name}) and is {mend}"
        elif name := first_difference(towers, clip_tensors(tower_file, "")):
            yield f"NOTE: vision_tower.bin holds a CLIP that differs (first in {name}) and is {mend}"
    if alignment is None:
        return
    if frozen:
        own, copy = alignment.state_dict(), strip_prefix(shards, TOWER_PREFIX)
        if any(name in copy and not equal_up_to_rounding(copy[name], value) for name, value in own.items()):
            yield f"NOTE: the shards hold an alignment module unlike vision_tower.bin's, {mend}"
    if alignment.learnable_tokens is None and LEARNABLE in tower_file and bool(tower_file[LEARNABLE].any()):
        yield "NOTE: vision_tower.bin holds learnable_tokens, which encoder_version v1 does not use"
