"""mPLUG-Owl2 as its reference runs: one request at a time, plain PyTorch, a KV cache that grows by concatenation.

Every request encodes its own image, every layer computes every token. Preprocessing, vision model and abstractor are
ours, which is kind; the decoder is written out with PyTorch's own operations on the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

from emma_eval.models.llama.modality import ByModality
from emma_eval.models.llama.model import Llama
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats, Request

LayerCache = tuple[Tensor, Tensor]  # keys and values so far: (1, H, K, Dh) each


@torch.inference_mode()
def generate_one_by_one(
    runner: ModelRunner[MPlugOwl2Model], requests: Sequence[Request], stats: InferenceStats
) -> dict[int, str | None]:
    """Index of each request -> the text of its answer. `stats` counts the tokens."""
    llama, answers = runner.model.llama, dict[int, str | None]()
    for number, request in enumerate(requests):
        embeds, is_image = _prompt(runner, request)
        cache: list[LayerCache] = []
        ids: list[int] = []
        while len(ids) < request.max_new_tokens and not runner.eos_ids.intersection(ids[-1:]):
            logits, cache = _forward(llama, embeds, is_image, cache)
            ids.append(int(logits.argmax()))
            embeds = llama.embed_tokens(torch.tensor(ids[-1:], device=runner.device))
            is_image = torch.zeros(1, dtype=torch.bool, device=runner.device)
        answers[number] = runner.tokenizer.decode(ids)
        length = cache[0][0].shape[2] - len(ids) + 1
        stats.prompt_tokens += length
        stats.computed_tokens += length
        stats.new_tokens += len(ids)
        stats.images += len(request.images)
        stats.batches += 1
    return answers


def _prompt(runner: ModelRunner[MPlugOwl2Model], request: Request) -> tuple[Tensor, Tensor]:
    """The prompt's embeddings (L, D), and which of them are of images (L,)."""
    ids = torch.tensor(runner.tokenize(request).input_ids, device=runner.device)
    marker = ids == IMAGE_ID
    parts = list(runner.model.llama.embed_tokens(ids.masked_fill(marker, 0)).split(1))
    for place, image in zip(marker.nonzero().flatten().tolist(), request.images, strict=True):
        pixels = runner.normalize(torch.from_numpy(runner.to_pixels(image))[None].to(runner.device))
        parts[place] = runner.model.encode_images(pixels)[0]
    lengths = torch.tensor([len(part) for part in parts], device=runner.device)
    return torch.cat(parts), marker.repeat_interleave(lengths)


def _forward(llama: Llama, x: Tensor, is_image: Tensor, cache: Sequence[LayerCache]) -> tuple[Tensor, list[LayerCache]]:
    """Embeddings x (L, D) behind the cache -> the last token's logits (V,), and the larger cache."""
    config, start = llama.config, cache[0][0].shape[2] if cache else 0
    positions = torch.arange(start, start + len(x), device=x.device)[None]
    rotation = llama.freqs_cis(positions)[0].transpose(0, 1)  # (1, L, Dh / 2)
    grown = []
    for index, layer in enumerate(llama.layers):
        normed = _by_modality(_norm, layer.attention_norm, x, is_image)
        key_values = _by_modality(_product, layer.kv_proj, normed, is_image)
        k, v = (_heads(part, config.head_dim) for part in key_values.chunk(2, dim=-1))  # (1, H, L, Dh)
        q, k = _rotate(_heads(_product(layer.q_proj, normed), config.head_dim), rotation), _rotate(k, rotation)
        if cache:
            k, v = (torch.cat(pair, dim=2) for pair in zip(cache[index], (k, v), strict=True))
        grown.append((k, v))
        attended = scaled_dot_product_attention(q, k, v, is_causal=not cache)  # one new token sees all
        x = x + _product(layer.o_proj, attended[0].transpose(0, 1).flatten(1))
        gate, up = _product(layer.gate_up_proj, _by_modality(_norm, layer.mlp_norm, x, is_image)).chunk(2, dim=-1)
        x = x + _product(layer.down_proj, silu(gate) * up)
    return _product(llama.lm_head, _norm(llama.norm, x[-1])), grown


def _by_modality(compute, module: ByModality, x: Tensor, is_image: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    """Both kinds of tokens by their own module, as the reference gathers and scatters them."""
    if not is_image.any():
        return compute(module.text, x)
    of_text, of_images = compute(module.text, x[~is_image]), compute(module.image, x[is_image])
    out = of_text.new_empty(len(x), of_text.shape[-1])
    out[~is_image], out[is_image] = of_text, of_images
    return out


def _norm(module: nn.RMSNorm, x: Tensor) -> Tensor:
    return rms_norm(x, module.weight.shape, module.weight, module.eps)


def _product(module: nn.Linear, x: Tensor) -> Tensor:
    return linear(x, module.weight)


def _heads(x: Tensor, head_dim: int) -> Tensor:
    """(L, H Dh) -> (1, H, L, Dh)."""
    return x.view(len(x), -1, head_dim).transpose(0, 1)[None]


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary positions of x (1, H, L, Dh), whose pairs are adjacent."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:3], -1, 2))
    return torch.view_as_real(pairs * rotation).flatten(3).to(x.dtype)
