"""Names of tensors without what training tools put around them. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from emma_eval.errors import UserError

# What DistributedDataParallel and DeepSpeed, torch.compile, Lightning's strategies, FSDP and its activation
# checkpointing call the module inside them. No layer of a model here has such a name.
WRAPPERS = frozenset({"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
PEFT_PREFIX = "base_model.model."
PROJECTOR_PREFIX = "model.mm_projector."

# CLIP's vision tower as transformers 5 names it, in a folder of its own or in LLaVA.
BARE_TOWER = re.compile(r"(^|(?<=vision_tower\.))(?=(embeddings|encoder|pre_layrnorm|post_layernorm)\.)")

T = TypeVar("T")


def plain_name(name: str) -> str:
    """A tensor's name without wrappers, wherever they stand in it, and without PEFT's prefix.

    LLaVA's own loader drops one of two `model.` as well, and knows `mm_projector.` without one. CLIP's vision tower is
    below `vision_model.`, as it was before transformers 5.
    """
    plain = ".".join(part for part in name.split(".") if part not in WRAPPERS)
    while plain.startswith(PEFT_PREFIX):
        plain = plain.removeprefix(PEFT_PREFIX)
    while plain.startswith("model.model."):
        plain = plain.removeprefix("model.")
    plain = BARE_TOWER.sub("vision_model.", plain)
    return f"model.{plain}" if f"model.{plain}".startswith(PROJECTOR_PREFIX) else plain


def with_plain_names(tensors: Mapping[str, T], path: Path) -> dict[str, T]:
    """The tensors of a file by their plain names. Raises UserError for two that have the same."""
    plain: dict[str, T] = {}
    stored: dict[str, str] = {}
    for name, tensor in tensors.items():
        key = plain_name(name)
        if key in plain:
            raise UserError(
                f"{path}: tensors {stored[key]} and {name} are both {key}; which of them is meant is in doubt"
            )
        plain[key], stored[key] = tensor, name
    return plain
