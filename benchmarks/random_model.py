"""EMMA of any size with random weights, made in place on its device: speed does not depend on their values.

On the device `meta` it is EMMA without weights, which still tokenises and plans batches as the real one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, CLIPTextConfig, CLIPVisionConfig, LlamaConfig

from emma_eval.models import model_folder
from emma_eval.models.emma import attention
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.emma.clip import TransformersTowers
from emma_eval.models.emma.config import AlignmentConfig, EmmaConfig
from emma_eval.models.emma.instruction import CONTEXT_LENGTH, VOCABULARY
from emma_eval.models.emma.model import Emma
from emma_eval.models.emma.processing import ImageProcessor
from emma_eval.models.emma.tokenizer import LlamaTokenizer


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how much there is to compute. The towers' last blocks, which EMMA does not read, are left out."""

    name: str
    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    vision: tuple[int, int, int]  # width, layers, heads
    text: tuple[int, int, int]
    image: int  # pixels a side
    patch: int


FULL = Shape("EMMA-7B", 4096, 32, 32, 11008, 32_000, (1024, 23, 16), (768, 11, 12), image=336, patch=14)
SMALL = Shape("EMMA, tiny", 64, 2, 4, 128, 1_000, (32, 2, 2), (32, 1, 2), image=56, patch=14)


def tokenizer(folder: Path | None = None) -> LlamaTokenizer:
    """The tokenizer in a checkpoint's folder; emma-mini's without one."""
    return LlamaTokenizer(folder or model_folder("emma-mini"))


def build(shape: Shape, device: str, dtype: torch.dtype, words: LlamaTokenizer, aligned: bool = True) -> Emma:
    """The model; plain LLaVA where it is not `aligned`. It knows no end id: every answer has its full length."""
    torch.manual_seed(0)
    with torch.device(device):
        towers = TransformersTowers(_vision(shape, dtype), _text(shape, dtype) if aligned else None)
        width = shape.vision[0]
        alignment = Alignment(towers.patches, CONTEXT_LENGTH, width, shape.text[0], "v1") if aligned else None
        projector = build_projector("mlp2x_gelu", width, shape.hidden)
        llama = _llama(shape, dtype, known=len(words))
    for module in (towers, alignment, projector):
        if isinstance(module, nn.Module):
            module.to(dtype=dtype).eval().requires_grad_(False)
    llama.eval().requires_grad_(False)
    return Emma(
        config=_config(aligned),
        processor=ImageProcessor(resize=shape.image, crop=shape.image, pad_to_square=True),
        tokenizer=words,
        towers=towers,
        alignment=alignment,
        projector=projector,
        llama=llama,
    )


def _llama(shape: Shape, dtype: torch.dtype, known: int) -> Any:
    config = LlamaConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        vocab_size=shape.vocabulary,
        max_position_embeddings=4096,
        eos_token_id=None,
    )
    llama = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    llama.set_attn_implementation(attention.NAME)
    with torch.no_grad():
        llama.lm_head.weight[known:] = 0  # the tokenizer could not spell these: they are never the likeliest
    return llama


def _vision(shape: Shape, dtype: torch.dtype) -> nn.Module:
    width, layers, heads = shape.vision
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=shape.image,
        patch_size=shape.patch,
    )
    tower: nn.Module = AutoModel.from_config(config, dtype=dtype, attn_implementation="sdpa")
    return tower


def _text(shape: Shape, dtype: torch.dtype) -> nn.Module:
    width, layers, heads = shape.text
    config = CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=CONTEXT_LENGTH,
    )
    tower: nn.Module = AutoModel.from_config(config, dtype=dtype, attn_implementation="sdpa")
    getattr(tower, "text_model", tower).final_layer_norm = nn.Identity()
    return tower


def _config(aligned: bool) -> EmmaConfig:
    return EmmaConfig(
        path=Path("random weights"),
        vision_tower="random weights",
        vision_layer=-2,
        keep_class_token=False,
        projector="mlp2x_gelu",
        pad_to_square=True,
        max_length=2048,
        tower_in_shards=False,
        adds_patch_token=False,
        stored_dtype="bfloat16",
        eos_ids=frozenset(),
        alignment=AlignmentConfig("v1", text_layer=-2, text_positions=slice(0, CONTEXT_LENGTH)) if aligned else None,
        llama={},
    )
