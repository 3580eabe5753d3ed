"""Tensors of a checkpoint that nothing here reads: some are known to be without effect, all others are refused.

Whatever else is dropped may be what makes the model answer as it does: biases, unmerged adapters, another tower.
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
TOWER = "model.vision_tower."  # CLIP and alignment in the shards, and in some vision_tower.bin

MEANINGS = (
    (
        re.compile(r"\blora_|\.base_layer\.|modules_to_save"),
        "a LoRA adapter that was not merged: merge it into the weights (peft's merge_and_unload) and save them",
    ),
    (
        re.compile(
            r"\.(SCB|absmax|quant_map|nested_\w+|qweight|qzeros|scales|g_idx|zero_point)$"
            r"|(weight|input|output)_scale(_inv)?$|_packed$"
        ),
        "quantised weights: take the checkpoint in float16 or bfloat16",
    ),
    (re.compile(r"_proj\.bias$|[qk]_norm\."), "an attention that LLaMA does not have"),
    (re.compile(r"image_newline$"), "LLaVA-1.6's"),
)


def refuse_quantised(names: Iterable[str], source: Path) -> None:
    """Raise UserError for the marks that quantisation leaves, before weights are missed that it renamed."""
    pattern, meaning = MEANINGS[1]
    if found := next(filter(pattern.search, sorted(names)), None):
        raise UserError(f"{source}: tensor {found} belongs to {meaning}")


def refuse_leftovers(unread: Iterable[str], source: Path) -> None:
    """Raise UserError naming the first tensor that nothing reads, unless all are known to be without effect."""
    left = sorted(name for name in unread if not BUFFERS.fullmatch(name))
    if left:
        meaning = next((f" ({meaning})" for pattern, meaning in MEANINGS if pattern.search(left[0])), "")
        more = f", and {len(left) - 1:,} more" if len(left) > 1 else ""
        raise UserError(f"{source}: nothing here reads tensor {left[0]}{meaning}{more}; the model is another one")


def is_of_tower(name: str) -> bool:
    """Whether a name without `model.vision_tower.` is of EMMA's tower: CLIP, or the alignment module."""
    tower, _, inside = name.partition(".")
    return bool(ALIGNMENT.fullmatch(name) or (tower in ("vision_tower", "text_encoder") and CLIP.fullmatch(inside)))


def is_copy_of_tower(name: str) -> bool:
    """Whether a name in the shards is of a copy of EMMA's tower, used or not."""
    return name.startswith(TOWER) and is_of_tower(name.removeprefix(TOWER))


def is_of_clip(name: str, layers: int, text_layers: int) -> bool:
    """Whether a name is of a CLIP folder whose towers have so many layers."""
    found = CLIP.fullmatch(name)
    if not found or found["layer"] is None:
        return bool(found)
    return int(found["layer"]) < (layers if name.startswith("vision") else text_layers)
