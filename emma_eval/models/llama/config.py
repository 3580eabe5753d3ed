"""The language model's part of config.json: LLaMA, or Mistral. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AliasChoices, ConfigDict, Field, model_validator

from emma_eval.models.checkpoints.hf_config import Array, Epsilon, HFConfig, NumLayers, Size, without_nulls

RopeType = Literal["default", "linear"]


class RopeScaling(HFConfig):
    """`rope_parameters`, or `rope_scaling` as it was before transformers 5. Other keys are of other methods."""

    model_config = ConfigDict(extra="forbid")

    type: RopeType = "default"  # before transformers 4.43
    rope_type: RopeType = Field(default_factory=lambda data: data["type"])
    factor: Annotated[float, Field(gt=0, le=1e4)] = 1.0  # positions are divided by it, as in Vicuna's 16k models
    rope_theta: Any = None  # LlamaConfig reads it
    original_max_position_embeddings: Any = None  # without effect for these types
    partial_rotary_factor: Literal[1] = 1

    @model_validator(mode="after")
    def _default_is_unscaled(self) -> Self:
        if self.rope_type == "default" and self.factor != 1:
            raise ValueError(f"rotary positions with factor {self.factor:g} and no type are not supported")
        return self


class LlamaConfig(HFConfig):
    """LLaMA's shape and constants, with the names and defaults of transformers' LlamaConfig."""

    family: ClassVar[str] = "LLaMA"
    adapts_to_modality: ClassVar[bool] = False  # norms, keys and values have weights of their own for image tokens

    vocab_size: Size = 32_000
    hidden_size: Size = 4096
    intermediate_size: Size = 11_008
    num_hidden_layers: NumLayers = 32
    num_attention_heads: Size = 32
    num_key_value_heads: Size = Field(default_factory=lambda data: data["num_attention_heads"])  # less: grouped queries
    head_dim: Size = Field(default_factory=lambda data: data["hidden_size"] // data["num_attention_heads"])
    rms_norm_eps: Epsilon = 1e-6
    rope_theta: Annotated[float, Field(gt=0, le=1e12)] = 10_000.0  # base of the rotary frequencies
    rope_scaling: RopeScaling = Field(RopeScaling(), validation_alias=AliasChoices("rope_parameters", "rope_scaling"))
    tie_word_embeddings: bool = False  # the embedding is the output head too

    # The one value that is computed; a checkpoint with another would be answered wrongly.
    hidden_act: Literal["silu"] = "silu"
    attention_bias: Literal[False] = False
    mlp_bias: Literal[False] = False
    layer_types: Array[Literal["full_attention"]] = ()

    @property
    def rope_scaling_factor(self) -> float:
        """What positions are divided by."""
        return self.rope_scaling.factor

    @model_validator(mode="before")
    @classmethod
    def _lift_rope_theta(cls, content: Any) -> Any:
        """Since transformers 5 the base stands in rope_parameters."""
        rope = isinstance(content, dict) and (content.get("rope_parameters") or content.get("rope_scaling"))
        if isinstance(rope, dict) and rope.get("rope_theta"):
            return {**content, "rope_theta": rope["rope_theta"]}
        return content

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        heads, kv_heads = self.num_attention_heads, self.num_key_value_heads
        if heads % kv_heads:
            raise ValueError(f"{heads} num_attention_heads do not share {kv_heads} num_key_value_heads")
        if self.head_dim % 2 or ("head_dim" not in self.model_fields_set and self.hidden_size % heads):
            raise ValueError(f"hidden_size {self.hidden_size} does not split into {heads} heads of an even width")
        return self


class MistralConfig(LlamaConfig):
    """Mistral: LLaMA with grouped keys and other defaults, those of transformers' MistralConfig, and a window."""

    family: ClassVar[str] = "Mistral"

    intermediate_size: Size = 14_336
    num_key_value_heads: Size = 8
    sliding_window: Size | None = 4096  # tokens that a token sees, itself included; None: all before it

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, content: Any) -> Any:
        """Not of the window: null says that there is none, a missing key that it is the default."""
        if not isinstance(content, Mapping):
            return content
        kept = without_nulls(content)
        return {**kept, "sliding_window": None} if content.get("sliding_window", 0) is None else kept
