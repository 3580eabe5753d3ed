"""The runner knows no architecture: any nn.Module that gives images as embeddings to LLaMA is batched and answered."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from emma_eval.inference.engine import EngineDescription
from emma_eval.models import load_model
from emma_eval.models.clip.image_processor import ImageProcessor
from emma_eval.models.llama.model import ForwardInputs, Llama
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request
from emma_eval.utils.files import package_data
from tests.fakes import LoadedImage, make_image
from tests.tiny_checkpoint import LLAVA


class MeanColor(nn.Module):
    """Shows LLaMA the mean color of the upper and of the lower half of an image, as two embeddings."""

    num_image_tokens = 2

    def __init__(self, llama: Llama) -> None:
        super().__init__()
        self.llama = llama
        self.projector = nn.Linear(3, llama.config.hidden_size)

    def encode_images(self, pixels: Tensor) -> Tensor:
        return torch.stack([half.mean(dim=(2, 3)) for half in pixels.chunk(2, dim=2)], dim=1)  # (B, 2, 3)

    def encode_instructions(self, ids: Tensor) -> Tensor:
        raise AssertionError("it reads no instruction")

    def embed_images(self, images: Tensor, instructions: Tensor | None) -> Tensor:
        assert instructions is None
        return self.projector(images)


def greedy_without_cache(runner: ModelRunner[MeanColor], request: Request) -> list[int]:
    """The prompt and its answer so far, computed anew for every token."""
    pixels = runner.normalize(torch.from_numpy(runner.to_pixels(request.images[0]))[None])
    image = runner.model.embed_images(runner.model.encode_images(pixels), None)[0]
    llama = runner.model.llama
    parts = [
        image if index == IMAGE_ID else llama.embed_tokens(torch.tensor([index]))
        for index in runner.tokenize(request).input_ids
    ]
    ids: list[int] = []
    while len(ids) < request.max_new_tokens and (not ids or ids[-1] not in runner.eos_ids):
        embeds = torch.cat(parts)[None]
        output = llama(ForwardInputs(embeds, torch.arange(embeds.shape[1])[None]))
        ids.append(int(llama.lm_head(output.last_hidden_state[0, -1]).argmax()))
        parts.append(llama.embed_tokens(torch.tensor([ids[-1]])))
    return ids


@torch.inference_mode()
def test_another_architecture_is_answered_in_batches_with_prefix_and_cache(tmp_path: Path) -> None:
    llava = load_model(str(LLAVA.write(tmp_path)), device="cpu", dtype="float32")
    torch.manual_seed(0)
    runner = ModelRunner(
        model=MeanColor(llava.model.llama),
        tokenizer=llava.tokenizer,
        processor=ImageProcessor(size=28, crop_size=28),
        eos_ids=frozenset({2}),
        max_length=None,
        family="llava",
    )
    images = [LoadedImage(make_image(seed=seed)) for seed in range(2)]
    requests = [
        Request(f"{n}-{question}", 0, f"A chat. <image> Is it {question}?", "", (image,), 6)
        for n, image in enumerate(images)
        for question in ("red", "blue", "left of the ball")
    ]
    prompts = [runner.tokenize(request) for request in requests]
    rows = runner.collate(prompts, runner.shared_prefix(prompts))
    assert len(rows) == 2
    answers = runner.generate(rows, {image: runner.preprocess_image(image) for image in images})
    for row, generations in zip(rows, answers, strict=True):
        for index, generation in zip(row.indices, generations, strict=True):
            assert list(generation.token_ids) == greedy_without_cache(runner, requests[index])


def test_parameters_are_those_of_the_files_that_answers_depend_on():
    """Of CLIP the last layers, the final norms and the projections to the shared space are not loaded."""
    weights = package_data("emma_eval/mini/weights")
    numbers = {}
    for name in ("clip-mini", "emma-mini"):
        with safe_open(weights / name / "model.safetensors", "pt") as file:
            numbers |= {key: math.prod(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    alignment = torch.load(weights / "emma-mini" / "vision_tower.bin", weights_only=True)
    numbers |= {key: tensor.numel() for key, tensor in alignment.items()}
    unused = (
        "logit_scale", "text_model.encoder.layers.2.", "text_model.final_layer_norm.", "text_projection.weight",
        "vision_model.encoder.layers.4.", "vision_model.post_layernorm.", "visual_projection.weight",
    )  # fmt: skip
    used = sum(number for key, number in numbers.items() if key in alignment or not key.startswith(unused))
    runner = load_model("emma-mini")
    assert runner.num_parameters == used
    assert EngineDescription.of_model(runner).parameters == used
