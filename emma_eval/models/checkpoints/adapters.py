"""LoRA folders as PEFT and LLaVA's training write them: their settings, their base, their files. Imports no torch.

A LoRA folder holds adapter_config.json, adapter_model.safetensors (or .bin), config.json and, from LLaVA's and EMMA's
training, non_lora_trainables.bin. Weights, tokenizer and generation_config.json are the base's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import existing_folder, model_folder
from emma_eval.models.checkpoints.hf_config import Array, HFConfig, parse_config
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, ADAPTER_WEIGHTS, NON_LORA, base_model_name
from emma_eval.utils.json_io import read_json_object

INITIALISATIONS = (None, True, False, "gaussian", "eva", "orthogonal")  # which leave the base's weights as they are
NOT_COMPUTED = (
    "layer_replication", "trainable_token_indices", "target_parameters", "use_qalora", "arrow_config",
    "alora_invocation_tokens", "megatron_config", "loftq_config", "corda_config", "quantization_config",
)  # fmt: skip

Rank = Annotated[int, Field(ge=1)]


class AdapterConfig(HFConfig):
    """adapter_config.json under PEFT's names; other kinds of adapters are refused by their values."""

    peft_type: Literal["LORA"] = "LORA"
    r: Rank = 8
    lora_alpha: float = 8
    use_rslora: bool = False  # scale alpha / sqrt(r) instead of alpha / r
    use_dora: Literal[False] = False
    bias: Literal["none"] = "none"
    lora_bias: Literal[False] = False
    rank_pattern: dict[str, Rank] = Field(default_factory=dict)  # of modules whose names end with the expression
    alpha_pattern: dict[str, float] = Field(default_factory=dict)
    target_modules: Array[str] | str = ()  # ends of modules' names; or one expression for whole names
    modules_to_save: Array[str] = ()  # trained as a whole

    def rank(self, module: str) -> int:
        """The rank of a module, named as in the base (`model.layers.0.self_attn.q_proj`)."""
        return self.rank_pattern.get(_matching(self.rank_pattern, module), self.r)

    def scale(self, module: str) -> float:
        """What B A is multiplied with in W + scale B A."""
        rank = self.rank(module)
        alpha = self.alpha_pattern.get(_matching(self.alpha_pattern, module), self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA folder and its settings."""

    folder: Path
    config: AdapterConfig

    @property
    def weights(self) -> Path:
        """adapter_model.safetensors, else adapter_model.bin. Raises UserError if neither is there."""
        for name in ADAPTER_WEIGHTS:
            if is_regular_file(self.folder / name):
                return self.folder / name
        raise UserError(f"{self.folder}: the adapter's weights are missing ({' or '.join(ADAPTER_WEIGHTS)})")

    @property
    def non_lora(self) -> Path | None:
        """non_lora_trainables.bin, if there is one."""
        path = self.folder / NON_LORA
        return path if is_regular_file(path) else None


@dataclass(frozen=True, slots=True)
class CheckpointParts:
    """Where a checkpoint's parts are: all in one folder, or config.json in a LoRA folder and the rest in a base."""

    folder: Path  # config.json
    base: Path  # weights, tokenizer, generation_config.json
    adapter: Adapter | None = None
    base_alignment: bool = False  # EMMA: the base's alignment instead of the one trained with the adapter

    @property
    def alignment_folder(self) -> Path:
        """The folder whose vision_tower.bin holds EMMA's alignment; the base's where the adapter has none."""
        use_own = not self.base_alignment and is_regular_file(self.folder / "vision_tower.bin")
        return self.folder if use_own else self.base


def find_parts(folder: Path, base: str | None = None, alignment: str | None = None) -> CheckpointParts:
    """The parts of a checkpoint folder; `base` and `alignment` are the model options of these names.

    Raises UserError for a LoRA folder whose base can't be found, and for options that do not fit the folder.
    """
    if alignment not in (None, "own", "base"):
        raise UserError(f"--model-option alignment={alignment}: own or base is expected")
    if not is_regular_file(folder / ADAPTER_CONFIG):
        for option, value in (("base", base), ("alignment", alignment)):
            if value is not None:
                raise UserError(f"--model-option {option}={value}: {folder} is no LoRA folder (no {ADAPTER_CONFIG})")
        return CheckpointParts(folder, folder)
    adapter = Adapter(folder, read_adapter_config(folder / ADAPTER_CONFIG))
    return CheckpointParts(folder, _base_folder(folder, base), adapter, base_alignment=alignment == "base")


def read_adapter_config(path: Path) -> AdapterConfig:
    """adapter_config.json. Raises UserError naming the key for an adapter that is not merged here."""
    content = read_json_object(path)
    config = parse_config(AdapterConfig, content, path)
    for key in NOT_COMPUTED:
        if content.get(key):
            raise UserError(f"{path}: {key} {content[key]!r:.60} is not supported (null is)")
    if (initialisation := content.get("init_lora_weights")) not in INITIALISATIONS:
        raise UserError(f"{path}: init_lora_weights {initialisation!r:.60} is not supported: it changes the base, too")
    for pattern in (*config.rank_pattern, *config.alpha_pattern):
        try:
            re.compile(pattern)
        except re.error as error:
            raise UserError(f"{path}: {pattern!r:.60} is no regular expression: {error}") from None
    return config


def _base_folder(folder: Path, option: str | None) -> Path:
    """The base that the option names, else the one that the adapter names. Raises UserError unless it is a model."""
    path = folder / ADAPTER_CONFIG
    name = base_model_name(path)
    if option is not None:
        try:
            base = model_folder(option)
        except UserError as error:
            raise UserError(f"--model-option base={option}: {error}") from error
    else:
        found = existing_folder(name, folder) if name else None
        if found is None:
            raise UserError(
                f"{folder} holds a LoRA adapter of {name or 'a base model that it does not name'} ({path.name}), and "
                "no such folder is found: give --model-option base=FOLDER, or a folder with the merged weights"
            )
        base = model_folder(str(found))
    if is_regular_file(base / ADAPTER_CONFIG):
        raise UserError(f"{base}: the base of the LoRA adapter in {folder} is an adapter itself; merge that one first")
    if quantisation := read_json_object(base / "config.json").get("quantization_config"):
        method = quantisation.get("quant_method", "") if isinstance(quantisation, Mapping) else quantisation
        raise UserError(
            f"{base / 'config.json'}: a quantised base ({method!r:.60}) is not supported; take float16 or bfloat16"
        )
    return base


def _matching(patterns: Iterable[str], module: str) -> str:
    """The first expression that the end of a module's name matches, as PEFT finds it; else empty."""
    return next((pattern for pattern in patterns if re.match(rf"(.*\.)?({pattern})$", module)), "")
