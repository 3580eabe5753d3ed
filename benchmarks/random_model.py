"""EMMA of any size with random weights, created on its device: speed does not depend on their values.

On the device `meta` it has no weights but tokenizes and batches as the real one does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from emma_eval.models import model_folder
from emma_eval.models.clip.config import ClipTextConfig, ClipVisionConfig
from emma_eval.models.clip.image_processor import ImageProcessor
from emma_eval.models.clip.model import ClipTowers
from emma_eval.models.clip.text_tokenizer import CONTEXT_LENGTH, tokenize_instruction
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.emma.config import AlignmentConfig, EmmaConfig, LlavaConfig
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.model import Llama
from emma_eval.models.llama.tokenizer import LlamaTokenizer
from emma_eval.models.multimodal.runner import ModelRunner


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that decide the amount of computation. The towers' unused last blocks are left out."""

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


def build(
    shape: Shape, device: str, dtype: torch.dtype, tokenizer: LlamaTokenizer, aligned: bool = True
) -> ModelRunner[EmmaModel]:
    """The model; plain LLaVA if not `aligned`. It has no end id: every answer has its full length."""
    torch.manual_seed(0)
    config = _config(shape, aligned)
    width = shape.vision[0]
    with torch.device(device), default_dtype(dtype):
        towers = ClipTowers(_vision(shape), _text(shape) if aligned else None)
        alignment = Alignment(towers.num_patches, CONTEXT_LENGTH, width, shape.text[0], "v1") if aligned else None
        projector = build_projector("mlp2x_gelu", width, shape.hidden)
        llama = Llama(config.llama)
    with torch.no_grad():
        llama.lm_head.weight[len(tokenizer) :] = 0  # ids that the tokenizer cannot decode are never the most likely
    return ModelRunner(
        model=EmmaModel(config, towers, alignment, projector, llama).eval().requires_grad_(False),
        tokenizer=tokenizer,
        processor=ImageProcessor(size=shape.image, crop_size=shape.image, squaring="pad"),
        eos_ids=config.eos_ids,
        max_length=config.llava.tokenizer_model_max_length,
        family="emma" if aligned else "llava",
        tokenize_instruction=tokenize_instruction if aligned else None,
    )


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Create modules in this dtype: in float32 the full size would hardly fit."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _vision(shape: Shape) -> ClipVisionConfig:
    width, layers, heads = shape.vision
    return ClipVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=shape.image,
        patch_size=shape.patch,
    )


def _text(shape: Shape) -> ClipTextConfig:
    width, layers, heads = shape.text
    return ClipTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads
    )


def _config(shape: Shape, aligned: bool) -> EmmaConfig:
    return EmmaConfig(
        path=Path("random weights"),
        llava=LlavaConfig(
            mm_vision_tower="random weights",
            mm_projector_type="mlp2x_gelu",
            mm_use_im_patch_token=False,
            image_aspect_ratio="pad",
            tokenizer_model_max_length=2048,
        ),
        alignment=AlignmentConfig() if aligned else None,
        llama=LlamaConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            intermediate_size=shape.intermediate,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
        ),
        eos_ids=frozenset(),
    )
