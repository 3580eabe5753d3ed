"""What config.json says of an mPLUG-Owl2, with the names and defaults of its authors. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.generation_config import read_eos_ids
from emma_eval.models.checkpoints.hf_config import Array, Epsilon, HFConfig, NumLayers, Size, TorchDtype, parse_config
from emma_eval.models.clip.config import ClipVisionConfig
from emma_eval.models.llama.config import LlamaConfig, RopeScaling
from emma_eval.utils.json_io import read_json_object

MODEL_TYPE, SUCCESSOR = "mplug_owl2", "mplug_owl2_1"
ARCHITECTURE = "MPLUGOwl2LlamaForCausalLM"
DEFAULT_GRID = 32
# Keys that came after the weights, and the value of mPLUG-Owl2; others are of mPLUG-Owl2.1.
OF_THIS_VERSION = {
    "visual_model": {"use_cls_token": True, "use_post_layernorm": True},
    "visual_abstractor": {"use_cls_token": True, "add_v2t_pos_emb": False},
}


class VisionConfig(ClipVisionConfig):
    """`visual_config.visual_model`: CLIP's shape."""

    hidden_size: Size = 1024
    intermediate_size: Size = 4096
    num_hidden_layers: NumLayers = 24
    num_attention_heads: Size = 16
    image_size: Size = 448
    patch_size: Size = 14
    layer_norm_eps: Epsilon = 1e-6

    @property
    def grid_size(self) -> int:
        """How many patches stand in a row."""
        return self.image_size // self.patch_size


class AbstractorConfig(HFConfig):
    """`visual_config.visual_abstractor`."""

    hidden_size: Size = 1024
    encoder_hidden_size: Size = 1024
    intermediate_size: Size = 2816
    num_hidden_layers: NumLayers = 6
    num_attention_heads: Size = 16
    num_learnable_queries: Size = 64
    grid_size: Annotated[int, Field(ge=0, le=2**12)] = DEFAULT_GRID  # patches in a row; 0: the default, too
    layer_norm_eps: Epsilon = 1e-6  # of the norm inside the MLP alone

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.hidden_size % self.num_attention_heads or self.hidden_size % 4:
            raise ValueError(
                f"visual_abstractor: hidden_size {self.hidden_size} does not split into {self.num_attention_heads} "
                "heads, or into the four parts of a patch's position"
            )
        return self


class VisualConfig(HFConfig):
    """`visual_config`; the sizes of its parts must fit each other."""

    visual_model: VisionConfig = VisionConfig()
    visual_abstractor: AbstractorConfig = AbstractorConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        vision, abstractor = self.visual_model, self.visual_abstractor
        widths = vision.hidden_size, abstractor.encoder_hidden_size, abstractor.hidden_size
        if len(set(widths)) > 1:
            raise ValueError(
                "visual_config: the hidden_size of visual_model, and encoder_hidden_size and hidden_size of "
                f"visual_abstractor must be one, not {', '.join(map(str, widths))}"
            )
        if (grid := abstractor.grid_size or DEFAULT_GRID) != vision.grid_size:
            raise ValueError(
                f"visual_config: grid_size {grid} of visual_abstractor does not fit image_size {vision.image_size} "
                f"and patch_size {vision.patch_size} of visual_model, whose grid is {vision.grid_size} patches wide"
            )
        return self


class DecoderRopeScaling(RopeScaling):
    """Without effect up to max_position_embeddings is `dynamic`; beyond it nothing is computed."""

    type: Literal["default", "linear", "dynamic"] = "default"  # type: ignore[assignment]
    rope_type: Literal["default", "linear", "dynamic"] = Field(  # type: ignore[assignment]
        default_factory=lambda data: data["type"]
    )


class DecoderConfig(LlamaConfig):
    """The decoder: LLaMA whose norms, keys and values exist twice, for tokens of text and of images."""

    adapts_to_modality: ClassVar[bool] = True

    max_position_embeddings: Size = 2048
    rope_scaling: DecoderRopeScaling = Field(
        DecoderRopeScaling(), validation_alias=AliasChoices("rope_parameters", "rope_scaling")
    )

    @property
    def rope_scaling_factor(self) -> float:
        """What positions are divided by."""
        return 1.0 if self.rope_scaling.rope_type == "dynamic" else self.rope_scaling.factor

    @property
    def max_tokens(self) -> int | None:
        """How many tokens prompt and answer may have; None: any number.

        Beyond it `dynamic` changes the frequencies with every token, in the reference for all later prompts too.
        """
        return self.max_position_embeddings if self.rope_scaling.rope_type == "dynamic" else None

    @model_validator(mode="after")
    def _no_grouped_keys(self) -> Self:
        if self.num_key_value_heads != self.num_attention_heads:
            raise ValueError(
                f"num_key_value_heads {self.num_key_value_heads} of {self.num_attention_heads} heads: grouped keys "
                "are not supported (mPLUG-Owl2's own code cannot compute them either)"
            )
        return self


class Identity(HFConfig):
    """Which model config.json is of, and how it is stored."""

    model_type: str | None = None
    architectures: Array[str] = ()
    torch_dtype: TorchDtype = Field("float16", validation_alias=AliasChoices("torch_dtype", "dtype"))
    image_aspect_ratio: str | None = None  # which the authors' evaluation does not read
    visual_config: VisualConfig = VisualConfig()


@dataclass(frozen=True, slots=True)
class MPlugOwl2Config:
    """A checkpoint's configuration."""

    path: Path  # config.json, for messages
    vision: VisionConfig
    abstractor: AbstractorConfig
    llama: DecoderConfig
    eos_ids: frozenset[int]
    torch_dtype: str
    image_aspect_ratio: str | None


def read_config(folder: Path) -> MPlugOwl2Config:
    """Read config.json and generation_config.json. Raises UserError naming the file and the key at fault."""
    path = folder / "config.json"
    content = read_json_object(path)
    _refuse_other_models(content, path)
    identity = parse_config(Identity, content, path)
    return MPlugOwl2Config(
        path=path,
        vision=identity.visual_config.visual_model,
        abstractor=identity.visual_config.visual_abstractor,
        llama=parse_config(DecoderConfig, content, path),
        eos_ids=read_eos_ids(folder, content, path),
        torch_dtype=identity.torch_dtype,
        image_aspect_ratio=identity.image_aspect_ratio,
    )


def _refuse_other_models(content: Mapping[str, Any], path: Path) -> None:
    """Raise UserError for mPLUG-Owl2.1, any other model, and quantised weights."""
    kind, names = content.get("model_type"), content.get("architectures") or []
    if kind == SUCCESSOR:
        raise UserError(f"{path}: model_type {SUCCESSOR!r} is {_successor()}")
    if kind != MODEL_TYPE:
        raise UserError(f"{path}: model_type {kind!r:.60} is not supported ({MODEL_TYPE} is)")
    if isinstance(names, list) and (others := [name for name in names if name != ARCHITECTURE]):
        of = f"is {_successor()}" if "qwen" in str(others[0]).lower() else f"is not supported ({ARCHITECTURE} is)"
        raise UserError(f"{path}: architectures {others[0]!r:.60} {of}")
    if (quantisation := content.get("quantization_config")) is not None:
        method = quantisation.get("quant_method", "") if isinstance(quantisation, Mapping) else quantisation
        raise UserError(
            f"{path}: quantization_config {method!r:.60} is not supported; take the checkpoint in float16 or bfloat16"
        )
    visual = content.get("visual_config")
    for part, keys in OF_THIS_VERSION.items():
        settings = visual.get(part) if isinstance(visual, Mapping) else None
        for key, value in keys.items():
            given = settings.get(key) if isinstance(settings, Mapping) else None
            if given is not None and given is not value:
                raise UserError(f"{path}: visual_config.{part}.{key} {given!r:.60} is {_successor()}")


def _successor() -> str:
    return f"mPLUG-Owl2.1's, whose Qwen decoder is not computed here; mPLUG-Owl2 (model_type {MODEL_TYPE}) is"
