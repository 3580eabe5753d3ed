"""The yardstick: one request at a time through transformers' `generate`, as the reference evaluates EMMA.

It uses the model's own modules, each as it is: picture, CLIP, alignment, projector and splice, then
`LlamaForCausalLM.generate`. Two things are kinder to it than the reference: pictures are prepared by our faster
processor, and the towers end at the layer that is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import torch
from torch import Tensor

from emma_eval.inference.usage import Usage
from emma_eval.models.emma.model import Emma
from emma_eval.models.emma.tokenizer import IMAGE_ID
from emma_eval.types import ImageSource, Request


@torch.inference_mode()
def generate_one_by_one(model: Emma, requests: Sequence[Request], usage: Usage) -> dict[int, str | None]:
    """Each request's number -> the text of its answer. `usage` counts the tokens."""
    answers: dict[int, str | None] = {}
    with _plain_attention(model):
        for number, request in enumerate(requests):
            embeds = spliced(model, request)
            ids = model.llama.generate(
                inputs_embeds=embeds,
                attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long, device=model.device),
                max_new_tokens=request.max_new_tokens,
                eos_token_id=sorted(model.config.eos_ids) or None,
                pad_token_id=0,
                do_sample=False,
                use_cache=True,
            )[0].tolist()
            answers[number] = model.tokenizer.decode(ids)
            usage.prompt_tokens += embeds.shape[1]
            usage.computed_tokens += embeds.shape[1]
            usage.new_tokens += len(ids)
            usage.pictures += len(request.images)
            usage.batches += 1
    return answers


def spliced(model: Emma, request: Request) -> Tensor:
    """The request as the language model reads it: (1, L, D), pictures where their markers are."""
    prompt, embed = model.read(request), model.llama.get_input_embeddings()
    images = iter(request.images)
    pieces: list[Tensor] = []
    for is_picture, run in groupby(prompt.input_ids, IMAGE_ID.__eq__):
        ids = list(run)
        if is_picture:
            pieces += [_picture_rows(model, next(images), prompt.instruction_ids) for _ in ids]
        else:
            pieces.append(embed(torch.tensor([ids], device=model.device)))
    return torch.cat(pieces, dim=1)[:, : model.config.max_length if request.images else None]


def _picture_rows(model: Emma, image: ImageSource, instruction: tuple[int, ...] | None) -> Tensor:
    """A picture, seen with an instruction in mind: (1, N, D)."""
    features = model.vision_features(torch.from_numpy(model.processor(image.open()))[None])
    if model.alignment is not None:
        text = model.text_features(torch.tensor([instruction]))
        features = model.alignment(features, model.alignment.project_text(text))
    rows: Tensor = model.projector(features)
    return rows


@contextmanager
def _plain_attention(model: Emma) -> Iterator[None]:
    """The language model with transformers' own attention, which makes the mask itself."""
    ours = model.llama.config._attn_implementation
    model.llama.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.llama.set_attn_implementation(ours)
