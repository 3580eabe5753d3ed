"""The baseline: one request at a time through transformers' `generate`, as the reference implementation does.

Preprocessing, CLIP, alignment and projector are our model's, then `LlamaForCausalLM.generate` runs with the same
weights. It is faster than the reference in two respects: our image processor, and towers without the unused last block.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, groupby

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.model import Llama
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.llama.weights import official_tensors
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import ImageSource, InferenceStats, Request


@torch.inference_mode()
def generate_one_by_one(
    runner: ModelRunner[EmmaModel], requests: Sequence[Request], stats: InferenceStats
) -> dict[int, str | None]:
    """Index of each request -> the text of its answer. `stats` counts the tokens."""
    llama = to_transformers(runner.model.llama)
    answers: dict[int, str | None] = {}
    for number, request in enumerate(requests):
        embeds = prompt_embeddings(runner, request)
        ids = llama.generate(
            inputs_embeds=embeds,
            attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long, device=runner.device),
            max_new_tokens=request.max_new_tokens,
            eos_token_id=sorted(runner.eos_ids) or None,
            pad_token_id=0,
            do_sample=False,
            use_cache=True,
        )[0].tolist()
        answers[number] = runner.tokenizer.decode(ids)
        stats.prompt_tokens += embeds.shape[1]
        stats.computed_tokens += embeds.shape[1]
        stats.new_tokens += len(ids)
        stats.images += len(request.images)
        stats.batches += 1
    return answers


def prompt_embeddings(runner: ModelRunner[EmmaModel], request: Request) -> Tensor:
    """The prompt's embeddings, (1, L, D), with image tokens in place of the markers."""
    prompt, embed = runner.tokenize(request), runner.model.llama.embed_tokens
    images = iter(request.images)
    pieces: list[Tensor] = []
    for is_image, run in groupby(prompt.input_ids, IMAGE_ID.__eq__):
        ids = list(run)
        if is_image:
            pieces += [_image_rows(runner, next(images), prompt.instruction_ids) for _ in ids]
        else:
            pieces.append(embed(torch.tensor([ids], device=runner.device)))
    return torch.cat(pieces, dim=1)[:, : runner.max_length if request.images else None]


def _image_rows(runner: ModelRunner[EmmaModel], image: ImageSource, instruction: tuple[int, ...] | None) -> Tensor:
    """The visual tokens of an image, aligned with the instruction: (1, N, D)."""
    features = runner.model.encode_images(torch.from_numpy(runner.processor(image.open()))[None])
    text = runner.model.encode_instructions(torch.tensor([instruction])) if instruction else None
    return runner.model.embed_images(features, text)


@lru_cache(maxsize=1)
def to_transformers(llama: Llama) -> LlamaForCausalLM:
    """The transformers model with the same weights: fused projections split, rotary rows reordered."""
    config = llama.config
    with torch.device(llama.device):
        theirs = AutoModelForCausalLM.from_config(
            LlamaConfig(
                vocab_size=config.vocab_size,
                hidden_size=config.hidden_size,
                intermediate_size=config.intermediate_size,
                num_hidden_layers=config.num_hidden_layers,
                num_attention_heads=config.num_attention_heads,
                num_key_value_heads=config.num_key_value_heads,
                head_dim=config.head_dim,
                rms_norm_eps=config.rms_norm_eps,
                rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
                max_position_embeddings=4096,
                eos_token_id=None,
            ),
            dtype=llama.dtype,
            attn_implementation="sdpa",
        )
    tensors = (official_tensors(name, value, config.head_dim) for name, value in llama.named_parameters())
    theirs.load_state_dict(dict(chain.from_iterable(tensors)))
    model: LlamaForCausalLM = theirs.eval()
    return model
