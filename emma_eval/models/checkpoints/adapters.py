"""LoRA adapters as PEFT writes them: settings and files. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import Array, HFConfig, parse_config
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, ADAPTER_WEIGHTS, NON_LORA
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.patterns import match, require_pattern

INITIALISATIONS = (None, True, False, "gaussian", "eva", "orthogonal")  # which leave the base's weights as they are
# Of training, or of other settings; fan_in_fan_out is of layers that LLaMA does not have, and PEFT ignores it there.
WITHOUT_EFFECT = frozenset({
    "auto_mapping", "base_model_name_or_path", "revision", "task_type", "inference_mode", "peft_version",
    "init_lora_weights", "lora_dropout", "fan_in_fan_out", "eva_config", "megatron_core", "qalora_group_size",
    "runtime_config", "ensure_weight_tying", "lora_dtype", "lorap_lr_ratio", "lorap_emb_lr",
})  # fmt: skip
ALL_LINEAR = "all-linear"

Rank = Annotated[int, Field(ge=1)]


class AdapterConfig(HFConfig):
    """adapter_config.json under PEFT's names; other kinds of adapters are refused by their values."""

    peft_type: Literal["LORA"] = "LORA"
    r: Rank = 8
    lora_alpha: float = 8
    use_rslora: bool = False  # scale alpha / sqrt(r) instead of alpha / r
    use_dora: bool = False  # each row is scaled to a trained length
    bias: Literal["none", "all", "lora_only"] = "none"  # which biases are trained, too
    lora_bias: Literal[False] = False
    rank_pattern: dict[str, Rank] = Field(default_factory=dict)  # of modules whose names end with the expression
    alpha_pattern: dict[str, float] = Field(default_factory=dict)
    target_modules: Array[str] | str = ()  # ends of modules' names; or one expression for whole names
    exclude_modules: Array[str] | str = ()
    layers_to_transform: Array[int] | int | None = None
    layers_pattern: Array[str] | str = ()  # what the list of layers is called
    modules_to_save: Array[str] = ()  # trained as a whole

    def rank(self, module: str) -> int:
        """The rank of a module, named as in the base (`model.layers.0.self_attn.q_proj`)."""
        return self.rank_pattern.get(_matching(self.rank_pattern, module), self.r)

    def scale(self, module: str) -> float:
        """What B A is multiplied with in W + scale B A: alpha / r, or alpha / sqrt(r) with rslora (a factor)."""
        rank = self.rank(module)
        alpha = self.alpha_pattern.get(_matching(self.alpha_pattern, module), self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)

    def targets(self, module: str) -> bool:
        """Whether a linear layer of the language model has factors, by PEFT's rules."""
        if self.leaves_out(module):
            return False
        if isinstance(self.target_modules, str):
            is_all = self.target_modules.lower() == ALL_LINEAR
            return is_all or _names(self.target_modules, module)
        return _names(self.target_modules, module) and self._is_in_layers(module)

    def leaves_out(self, module: str) -> bool:
        """Whether a module has no factors although target_modules may name it."""
        is_whole = any(f".{name}." in f".{module}." for name in self.modules_to_save)
        return is_whole or _names(self.exclude_modules, module)

    def _is_in_layers(self, module: str) -> bool:
        if self.layers_to_transform is None or self.layers_to_transform == ():
            return True
        indices = self.layers_to_transform
        patterns = (self.layers_pattern,) if isinstance(self.layers_pattern, str) else self.layers_pattern
        for pattern in filter(None, patterns) if any(patterns) else (r"[^.]*",):
            if found := _match(rf"(?:^|.*?\.){pattern}\.(?P<index>\d+)\.", module):
                return int(found["index"]) in (indices if isinstance(indices, tuple) else (indices,))
        return False


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


def read_adapter_config(folder: Path) -> AdapterConfig:
    """adapter_config.json. Raises UserError naming the key for an adapter that is not merged here."""
    path = folder / ADAPTER_CONFIG
    content = read_json_object(path)
    config = parse_config(AdapterConfig, content, path)
    for key, value in content.items():
        if value and key not in AdapterConfig.model_fields and key not in WITHOUT_EFFECT:
            raise UserError(f"{path}: {key} {value!r:.60} is not supported (null is)")
    if (initialisation := content.get("init_lora_weights")) not in INITIALISATIONS:
        raise UserError(f"{path}: init_lora_weights {initialisation!r:.60} is not supported: it changes the base, too")
    expressions = [*config.rank_pattern, *config.alpha_pattern]
    expressions += [value for value in (config.target_modules, config.exclude_modules) if isinstance(value, str)]
    expressions += [config.layers_pattern] if isinstance(config.layers_pattern, str) else config.layers_pattern
    for expression in expressions:
        try:
            require_pattern(expression)
        except ValueError as error:
            reason = str(error).removeprefix("not a regular expression: ")
            raise UserError(f"{path}: {expression!r:.60} is no regular expression: {reason}") from None
    return config


def _names(modules: tuple[str, ...] | str, module: str) -> bool:
    """Whether a list names a module by the end of its name, or an expression by the whole of it."""
    if isinstance(modules, str):
        return bool(modules) and _match(rf"(?:{modules})\Z", module) is not None
    return any(f".{module}".endswith(f".{name}") for name in modules)


def _matching(patterns: Iterable[str], module: str) -> str:
    """The first expression that the end of a module's name matches, as PEFT finds it; else empty."""
    return next((pattern for pattern in patterns if _match(rf"(.*\.)?({pattern})$", module)), "")


def _match(pattern: str, module: str) -> Any:
    """As `match`. Raises UserError for a pattern that would never end."""
    try:
        return match(pattern, module)
    except ValueError as error:
        raise UserError(f"{ADAPTER_CONFIG}: {error}") from None
