"""Tensors of a checkpoint that nothing here reads: a few are known to be without effect, all others are refused.

What is dropped may be what makes the model answer as it does: biases, unmerged adapters, another vision tower.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from emma_eval.errors import UserError

BUFFERS = re.compile(r"(.+\.)?(rotary_emb\.inv_freq|embeddings\.position_ids)")  # computed, never trained
CLIP = re.compile(
    r"(vision|text)_model\.("
    r"embeddings\.(class_embedding|(patch|token|position)_embedding\.weight|position_ids)"
    r"|(pre_layrnorm|post_layernorm|final_layer_norm)\.(weight|bias)"
    r"|encoder\.layers\.(?P<layer>\d+)\."
    r"(layer_norm[12]|self_attn\.(q|k|v|out)_proj|mlp\.fc[12])\.(weight|bias)"
    r")|logit_scale|(visual|text)_projection\.weight"
)
ALIGNMENT = re.compile(r"(text_projection|image_text_infusion)\.(weight|bias)|learnable_tokens")
TOWER_PREFIX = "model.vision_tower."  # of CLIP and alignment in the shards, and in some vision_tower.bin

QUANTISED = re.compile(
    r"\.(SCB|absmax|quant_map|nested_\w+|qweight|qzeros|scales|g_idx|zero_point)$"
    r"|(weight|input|output)_scale(_inv)?$|_packed$"
)
# What a tensor that nothing reads belongs to.
ORIGINS = (
    (
        re.compile(r"\blora_|\.base_layer\.|modules_to_save"),
        "a LoRA adapter that was not merged: merge it into the weights (peft's merge_and_unload) and save them",
    ),
    (QUANTISED, "quantised weights: take the checkpoint in float16 or bfloat16"),
    (re.compile(r"_proj\.bias$|[qk]_norm\."), "an attention that LLaMA does not have"),
    (re.compile(r"image_newline$"), "LLaVA-1.6's"),
)


def refuse_quantised(names: Iterable[str], source: Path) -> None:
    """Raise UserError for tensors that quantisation adds; the weights that it renames would be reported missing."""
    if name := next(filter(QUANTISED.search, sorted(names)), None):
        raise UserError(f"{source}: tensor {name} belongs to {dict(ORIGINS)[QUANTISED]}")


def refuse_unused(unused: Iterable[str], source: Path) -> None:
    """Raise UserError naming the first tensor that nothing reads, unless all are known to be without effect."""
    names = sorted(name for name in unused if not BUFFERS.fullmatch(name))
    if names:
        origin = next((f" ({origin})" for pattern, origin in ORIGINS if pattern.search(names[0])), "")
        more = f", and {len(names) - 1:,} more" if len(names) > 1 else ""
        raise UserError(f"{source}: nothing here reads tensor {names[0]}{origin}{more}; the model is another one")


def is_tower_tensor(name: str) -> bool:
    """Whether a name without `model.vision_tower.` is of EMMA's tower: CLIP, or the alignment module."""
    tower, _, rest = name.partition(".")
    return bool(ALIGNMENT.fullmatch(name) or (tower in ("vision_tower", "text_encoder") and CLIP.fullmatch(rest)))


def is_tower_copy(name: str) -> bool:
    """Whether a name in the shards is of a copy of EMMA's tower, used or not."""
    return name.startswith(TOWER_PREFIX) and is_tower_tensor(name.removeprefix(TOWER_PREFIX))


def is_clip_tensor(name: str, vision_layers: int, text_layers: int) -> bool:
    """Whether a name is of a CLIP folder whose towers have so many layers."""
    match = CLIP.fullmatch(name)
    if not match or match["layer"] is None:
        return bool(match)
    return int(match["layer"]) < (vision_layers if name.startswith("vision") else text_layers)
