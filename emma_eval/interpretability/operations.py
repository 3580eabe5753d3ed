"""Floating-point operations and bytes of a sample by part: closed formulas over the modules that compute it.

A matrix product of (r, n) and (n, m) is 2 r n m operations, a multiplication and an addition each. Attention of L
queries to K keys is 4 L K H Dh: scores, and weighted values; a causal mask saves none. Norms, activations, softmax and
rotary positions are not counted, as in PyTorch's FlopCounterMode. docs/analysis.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from emma_eval.interpretability.architecture import num_parameters
from emma_eval.models.clip.model import EncoderLayer, TextTower, VisionTower
from emma_eval.models.clip.text_tokenizer import CONTEXT_LENGTH
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.modality import ByModality
from emma_eval.models.llama.model import Llama, LlamaLayer
from emma_eval.models.mplug_owl2.abstractor import Abstractor, AbstractorLayer
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.utils.records import Record


class Work(Record):
    """What one part does once."""

    part: str
    each: str  # an image, an instruction, a prompt, a token
    flops: int
    weight_bytes: int  # of weights that are read


class SampleWork(Record):
    """What a sample costs: one prompt with its images and its instruction."""

    text_tokens: int  # of the prompt
    images: int
    image_tokens: int  # of each image
    prompt_tokens: int  # of the language model, in all
    dtype: str
    parts: tuple[Work, ...]
    first_token_flops: int  # all parts up to the first token of the answer
    kv_bytes_per_token: int
    kv_bytes_of_prompt: int


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Bytes a number, and the tokens of a prompt."""

    width: int
    tokens: int
    has_images: bool


BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


def sample_work(model: EmmaModel | MPlugOwl2Model, text_tokens: int, images: int, dtype: str) -> SampleWork:
    """The operations and bytes of a prompt of so many text tokens and images, weights and cache in `dtype`."""
    tokens = text_tokens + images * model.num_image_tokens
    sizes = _Sizes(BYTES[dtype], tokens, images > 0)
    encoders = list(_emma_work(model, sizes) if isinstance(model, EmmaModel) else _mplug_owl2_work(model, sizes))
    language = list(_llama_work(model.llama, sizes))
    times = {"instruction": min(images, 1)}  # the instruction of a prompt without image is not encoded
    first = sum(work.flops * times.get(work.each, images) for work in encoders) + language[0].flops
    kv_bytes = sizes.width * kv_values_per_token(model.llama)
    return SampleWork(
        text_tokens=text_tokens,
        images=images,
        image_tokens=model.num_image_tokens,
        prompt_tokens=tokens,
        dtype=dtype,
        parts=(*encoders, *language),
        first_token_flops=first,
        kv_bytes_per_token=kv_bytes,
        kv_bytes_of_prompt=kv_bytes * tokens,
    )


def _emma_work(model: EmmaModel, sizes: _Sizes) -> Iterable[Work]:
    towers, alignment, width = model.towers, model.alignment, sizes.width
    assert isinstance(towers, nn.Module)
    vision, text = towers.get_submodule("vision"), getattr(towers, "text", None)
    assert isinstance(vision, VisionTower)
    yield _work("vision tower", "image", vision_flops(vision), width * num_parameters(vision))
    if alignment is not None:
        assert isinstance(text, TextTower)
        weights = num_parameters(text) - num_parameters(text.token_embedding)
        weights += CONTEXT_LENGTH * text.token_embedding.embedding_dim  # the rows of its ids
        yield _work("text tower", "instruction", encoder_flops(text.layers, CONTEXT_LENGTH), width * weights)
        text_tokens = alignment.image_text_infusion.in_features - model.towers.num_patches
        projection, infusion = alignment.text_projection, alignment.image_text_infusion
        yield _work(
            "text projection",
            "instruction",
            linear_flops([projection], text_tokens),
            width * num_parameters(projection),
        )
        mixing = num_parameters(alignment) - num_parameters(projection)
        yield _work("infusion W", "image", linear_flops([infusion], projection.out_features), width * mixing)
    rows = model.num_image_tokens
    projector = model.projector
    yield _work("projector", "image", linear_flops([projector], rows), width * num_parameters(projector))


def _mplug_owl2_work(model: MPlugOwl2Model, sizes: _Sizes) -> Iterable[Work]:
    vision, abstractor = model.vision, model.abstractor
    yield _work("vision model", "image", vision_flops(vision.tower), sizes.width * num_parameters(vision))
    flops = abstractor_flops(abstractor, 1 + model.config.vision.num_patches)
    yield _work("visual abstractor", "image", flops, sizes.width * num_parameters(abstractor))


def _llama_work(llama: Llama, sizes: _Sizes) -> Iterable[Work]:
    """Prefill, and the first step after it."""
    table = num_parameters(llama.embed_tokens)
    row = llama.embed_tokens.embedding_dim
    weights = num_parameters(llama) - table
    of_images = sum(num_parameters(module.image) for module in llama.modules() if isinstance(module, ByModality))
    prefill = weights - (0 if sizes.has_images else of_images) + sizes.tokens * row
    yield _work("prefill", "prompt", llama_flops(llama, sizes.tokens, sizes.tokens), sizes.width * prefill)
    slots = sizes.tokens + 1
    yield _work("decoding", "token", llama_flops(llama, 1, slots), sizes.width * (weights - of_images + row))


def _work(part: str, each: str, flops: int, weight_bytes: int) -> Work:
    return Work(part=part, each=each, flops=flops, weight_bytes=weight_bytes)


def linear_flops(modules: Iterable[nn.Module], rows: int) -> int:
    """2 r n m for every linear layer in the modules, applied to r rows."""
    linears = (inner for module in modules for inner in module.modules() if isinstance(inner, nn.Linear))
    return sum(2 * rows * linear.in_features * linear.out_features for linear in linears)


def encoder_flops(layers: nn.ModuleList, tokens: int) -> int:
    """CLIP's layers on one row of tokens."""
    widths = (layer.qkv_proj.in_features for layer in layers if isinstance(layer, EncoderLayer))
    return linear_flops(layers, tokens) + sum(4 * tokens * tokens * width for width in widths)


def vision_flops(tower: VisionTower) -> int:
    """CLIP's vision tower on one image: N patches, and the class token in the layers."""
    tokens = tower.position_embedding.num_embeddings
    return 2 * (tokens - 1) * tower.patch_embedding.weight.numel() + encoder_flops(tower.layers, tokens)


def abstractor_flops(abstractor: Abstractor, features: int) -> int:
    """mPLUG-Owl2's abstractor on one image of so many features: Q queries attend to Q + features keys."""
    queries, width = abstractor.queries.shape
    context = queries + features
    flops = linear_flops([abstractor.projection], queries)
    for layer in abstractor.layers:
        assert isinstance(layer, AbstractorLayer)
        of_queries = (layer.q_proj, layer.out_proj, layer.gate_up_proj, layer.down_proj)
        flops += linear_flops(of_queries, queries) + linear_flops((layer.k_proj, layer.v_proj), context)
        flops += 4 * queries * context * width
    return flops


def llama_flops(llama: Llama, new: int, slots: int) -> int:
    """The language model on so many new tokens that see so many slots, and the logits of the last of them.

    Only the last token passes the last layer whole: of the others its keys and values alone are needed.
    """
    config, flops = llama.config, linear_flops([llama.lm_head], 1)
    for layer in llama.layers:
        assert isinstance(layer, LlamaLayer)
        rows = 1 if layer is llama.layers[-1] else new
        kv = layer.kv_proj.text if isinstance(layer.kv_proj, ByModality) else layer.kv_proj  # a token goes through one
        flops += linear_flops([kv], new)
        flops += linear_flops([layer.q_proj, layer.o_proj, layer.gate_up_proj, layer.down_proj], rows)
        flops += 4 * rows * slots * config.num_attention_heads * config.head_dim
    return flops


def kv_values_per_token(llama: Llama) -> int:
    """Keys and values that a token leaves in the cache, of all layers."""
    config = llama.config
    return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
