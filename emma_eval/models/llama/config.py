"""What config.json says of the language model, with transformers' defaults for what it leaves out. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import MOST_LAYERS, Settings

ROTARY = ("type", "rope_type", "factor", "rope_theta", "original_max_position_embeddings")
MOST_THETA = 1e12
MOST_STRETCH = 1e4


@dataclass(frozen=True, slots=True)
class LlamaConfig:
    """LLaMA's shape and constants."""

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int  # fewer than `num_heads` where several share keys and values
    head_dim: int
    intermediate_size: int
    rms_norm_eps: float = 1e-6  # of the norms
    rope_theta: float = 10_000.0  # base of the rotary frequencies
    rope_scaling_factor: float = 1.0  # positions are divided by it: linear scaling, as Vicuna's 16k models have it
    tie_embeddings: bool = False  # the embedding is the output head too


def read_llama_config(settings: Settings) -> LlamaConfig:
    """Read and check. Raises UserError naming the file and the key, for settings of other models in the family too."""
    width, heads = settings.count("hidden_size", 4096), settings.count("num_attention_heads", 32)
    kv_heads = settings.count("num_key_value_heads", heads)
    if heads % kv_heads:
        raise UserError(f"{settings.path}: {heads} num_attention_heads do not share {kv_heads} num_key_value_heads")
    head_width = settings.count("head_dim", width // heads)
    if head_width % 2 or (settings.raw.get("head_dim") is None and width % heads):
        raise UserError(f"{settings.path}: hidden_size {width} does not split into {heads} heads of an even width")
    _refuse_unsupported(settings)
    theta, stretch = _rotary(settings)
    return LlamaConfig(
        vocab_size=settings.count("vocab_size", 32_000),
        hidden_size=width,
        num_layers=settings.count("num_hidden_layers", 32, MOST_LAYERS),
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_width,
        intermediate_size=settings.count("intermediate_size", 11_008),
        rms_norm_eps=settings.number("rms_norm_eps", 1e-6, above=0, most=0.1),
        rope_theta=theta,
        rope_scaling_factor=stretch,
        tie_embeddings=settings.take("tie_word_embeddings", bool, False),
    )


def _rotary(settings: Settings) -> tuple[float, float]:
    """The base, and what positions are divided by: under `rope_parameters`, or as before transformers 5."""
    scaling = settings.part("rope_parameters" if settings.raw.get("rope_parameters") else "rope_scaling")
    base = scaling if scaling.raw.get("rope_theta") else settings
    kind = scaling.take("rope_type", str, scaling.take("type", str, "default"))
    if kind not in ("default", "linear"):
        raise UserError(f"{settings.path}: rotary positions of type {kind!r} are not supported (default, linear)")
    theta = base.number("rope_theta", 10_000.0, above=0, most=MOST_THETA)
    stretch = scaling.number("factor", 1.0, above=0, most=MOST_STRETCH)
    if kind == "default" and stretch != 1:
        raise UserError(f"{settings.path}: rotary positions with factor {stretch:g} and no type are not supported")
    for key, value in scaling.raw.items():
        if key not in ROTARY and value is not None and (key, value) != ("partial_rotary_factor", 1):
            raise UserError(f"{settings.path}: rotary positions with {key} {value!r:.60} are not supported")
    return theta, stretch


def _refuse_unsupported(settings: Settings) -> None:
    """What would otherwise be answered wrongly without a word."""
    if (activation := settings.take("hidden_act", str, "silu")) != "silu":
        raise UserError(f"{settings.path}: hidden_act {activation!r} is not supported (silu, as LLaMA has it)")
    for key in ("attention_bias", "mlp_bias"):
        if settings.take(key, bool, False):
            raise UserError(f"{settings.path}: {key}: true is not supported; LLaMA has none")
