"""The formulas against what PyTorch's FlopCounterMode counts while the modules run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from emma_eval.interpretability.architecture import build_skeleton
from emma_eval.interpretability.operations import llama_flops, sample_work
from emma_eval.models.llama.modality import Modalities
from emma_eval.models.llama.model import ForwardInputs
from tests.interpretability.full_size import write_config
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2

META = torch.device("meta")


def counted(compute, *arguments):
    with FlopCounterMode(display=False) as counter:
        result = compute(*arguments)
    return result, counter.get_total_flops()


class Cache:
    """As many slots as it is told to have, whatever is written."""

    def __init__(self, config, slots):
        self.shape = (1, config.num_key_value_heads, slots, config.head_dim)

    def update(self, kv, freqs_cis, layer):
        return torch.empty(self.shape, device=META), torch.empty(self.shape, device=META)


def run_llama(llama, new, slots, is_image=None):
    """The engine's prefill or step: logits of the last token."""
    modalities = None if is_image is None else Modalities.of(is_image, META)
    last = torch.full((1, 1), new - 1, device=META)
    inputs = ForwardInputs(
        torch.empty(1, new, llama.config.hidden_size, device=META),
        torch.zeros(1, new, dtype=torch.long, device=META),
        last_positions=last,
        modalities=modalities,
    )
    cache = Cache(llama.config, slots) if slots > new else None
    return llama.lm_head(llama(inputs, cache).last_hidden_state)


def flops(work, part):
    return next(one.flops for one in work.parts if one.part == part)


@pytest.mark.parametrize(
    "checkpoint",
    [
        TinyCheckpoint(),
        TinyCheckpoint(version="v3", text_feature="patch", vision_layer=-1, text_layer=-1),
        TinyCheckpoint(text_feature="cls", projector="linear", kv_heads=2),
        TinyCheckpoint(alignment=False, version=None, text_layer=None, text_feature=None),
    ],
)
def test_emma_and_llava(tmp_path, checkpoint):
    model = build_skeleton(checkpoint.write(tmp_path)).model
    work = sample_work(model, 11, 1, "float32")
    size = model.towers.image_size
    vision, by_tower = counted(model.encode_images, torch.empty(1, 3, size, size, device=META))
    assert by_tower == flops(work, "vision tower")
    aligned, total = vision, by_tower
    if model.alignment is not None:
        ids = torch.zeros(1, 77, dtype=torch.long, device=META)
        text, by_text = counted(model.encode_text, ids)
        projected, by_projection = counted(model.alignment.project_text, text)
        aligned, by_infusion = counted(model.align, vision, projected)
        parts = "text tower", "text projection", "infusion W"
        assert [by_text, by_projection, by_infusion] == [flops(work, part) for part in parts]
        total += by_text + by_projection + by_infusion
    _, by_projector = counted(model.project, aligned)
    assert by_projector == flops(work, "projector")
    length = 11 + model.num_image_tokens
    _, prefill = counted(run_llama, model.llama, length, length)
    assert prefill == flops(work, "prefill")
    _, step = counted(run_llama, model.llama, 1, length + 1)
    assert step == flops(work, "decoding")
    assert work.first_token_flops == total + by_projector + prefill


def test_mplug_owl2(tmp_path):
    model = build_skeleton(TinyMPlugOwl2().write(tmp_path)).model
    work = sample_work(model, 7, 2, "float16")
    features, by_vision = counted(model.vision, torch.empty(1, 3, 28, 28, device=META))
    assert by_vision == flops(work, "vision model")
    _, by_abstractor = counted(model.abstract, features)
    assert by_abstractor == flops(work, "visual abstractor")
    length = 7 + 2 * 6
    is_image = np.arange(length)[None] < 12
    _, prefill = counted(run_llama, model.llama, length, length, is_image)
    assert prefill == flops(work, "prefill")
    assert work.first_token_flops == 2 * (by_vision + by_abstractor) + prefill


def test_bytes_at_full_size(tmp_path):
    """LLaMA-7B in float16 keeps 512 KiB a token, and a step reads all weights but the table of embeddings."""
    model = build_skeleton(write_config(tmp_path, "emma-7b")).model
    work = sample_work(model, 64, 1, "float16")
    assert work.prompt_tokens == 64 + 576
    assert work.kv_bytes_per_token == 512 * 1024
    assert work.kv_bytes_of_prompt == 640 * 512 * 1024
    read = {one.part: one.weight_bytes for one in work.parts}
    assert read["decoding"] == 2 * (6_738_415_616 - 31_999 * 4096)
    assert read["infusion W"] == 2 * 376_704
    assert read["text tower"] == 2 * (123_060_480 - (12 * 768**2 + 13 * 768) - 2 * 768 - (49_408 - 77) * 768)


def test_a_prompt_without_an_image_encodes_nothing(tmp_path):
    model = build_skeleton(write_config(tmp_path, "emma-7b")).model
    work = sample_work(model, 64, 0, "float16")
    assert work.first_token_flops == flops(work, "prefill") == llama_flops(model.llama, 64, 64)
    owl2 = build_skeleton(write_config(tmp_path, "owl2")).model
    read = {images: sample_work(owl2, 64, images, "float16").parts[-2].weight_bytes for images in (0, 1)}
    assert read[1] - read[0] == 2 * (1_074_003_968 + 65 * 4096)
