"""mPLUG-Owl2 of any size with random weights, created on its device: speed does not depend on their values."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.random_model import default_dtype
from emma_eval.models import model_folder
from emma_eval.models.clip.image_processor import ImageProcessor
from emma_eval.models.llama.model import Llama
from emma_eval.models.mplug_owl2.abstractor import Abstractor
from emma_eval.models.mplug_owl2.config import AbstractorConfig, DecoderConfig, MPlugOwl2Config, VisionConfig
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.mplug_owl2.tokenizer import MPlugOwl2Tokenizer
from emma_eval.models.mplug_owl2.vision import VisionModel
from emma_eval.models.multimodal.runner import ModelRunner


def configuration(vision: VisionConfig, abstractor: AbstractorConfig, llama: DecoderConfig) -> MPlugOwl2Config:
    """Of these parts, without an end id: every answer has its full length."""
    return MPlugOwl2Config(Path("random weights"), vision, abstractor, llama, frozenset(), "float16", None)


FULL = configuration(VisionConfig(), AbstractorConfig(), DecoderConfig())  # the defaults are the published model's
SMALL = configuration(
    VisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    ),
    AbstractorConfig(
        hidden_size=32, encoder_hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_learnable_queries=8, grid_size=4,
    ),
    DecoderConfig(
        vocab_size=1_000, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
    ),
)  # fmt: skip

MINI = configuration(  # of the sizes of the llava-mini that results/benchmarks/throughput-cpu.json is of
    VisionConfig(
        hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, image_size=96, patch_size=16
    ),
    AbstractorConfig(
        hidden_size=128, encoder_hidden_size=128, intermediate_size=352, num_hidden_layers=2, num_attention_heads=4,
        num_learnable_queries=35, grid_size=6,
    ),
    DecoderConfig(
        vocab_size=640, hidden_size=192, intermediate_size=512, num_hidden_layers=5, num_attention_heads=4
    ),
)  # fmt: skip


def tokenizer(folder: Path | None = None) -> MPlugOwl2Tokenizer:
    """The tokenizer in a checkpoint's folder; emma-mini's without one."""
    return MPlugOwl2Tokenizer(folder or model_folder("emma-mini"))


def build(
    config: MPlugOwl2Config, device: str, dtype: torch.dtype, tokenizer: MPlugOwl2Tokenizer
) -> ModelRunner[MPlugOwl2Model]:
    """The model, which is asked as its authors' evaluation asks."""
    torch.manual_seed(0)
    side = config.vision.image_size
    with torch.device(device), default_dtype(dtype):
        vision, llama = VisionModel(config.vision), Llama(config.llama)
        abstractor = Abstractor(config.abstractor, config.vision.num_patches + 1, config.llama.hidden_size)
    with torch.no_grad():
        llama.lm_head.weight[len(tokenizer) :] = 0  # ids that the tokenizer cannot decode are never the most likely
    return ModelRunner(
        model=MPlugOwl2Model(config, vision, abstractor, llama).eval().requires_grad_(False),
        tokenizer=tokenizer,
        processor=ImageProcessor(size=side, crop_size=side, squaring="squash"),
        eos_ids=config.eos_ids,
        max_length=None,
        family="mplug_owl2",
        template="mplug_owl2_evaluation",
    )
