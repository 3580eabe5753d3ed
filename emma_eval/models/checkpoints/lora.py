"""LoRA adapters merged into a base's tensors: W + scale B A in float32, and whole modules that training replaced."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.adapters import Adapter, AdapterConfig
from emma_eval.models.checkpoints.state_dict import WEIGHT_DTYPES, read_tensors
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG
from emma_eval.models.checkpoints.unused_tensors import refuse_quantised

PEFT_PREFIX = "base_model.model."
FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<factor>[AB])(\.default)?\.weight")
MERGE_HINT = "the base is another one than the adapter was trained on"


def read_adapter(adapter: Adapter) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """Module -> its factors A (r, in) and B (out, r), and the whole tensors of modules_to_save; named as in the base.

    Raises UserError for tensors of another kind of adapter, and for one that lacks what its settings announce.
    """
    path = adapter.weights
    stored = read_tensors([path])
    refuse_other_types(stored, path)
    factors: dict[str, dict[str, Tensor]] = {}
    whole: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        inner = name.removeprefix(PEFT_PREFIX)
        if match := FACTOR.fullmatch(inner):
            factors.setdefault(match["module"], {})[match["factor"]] = tensor
        elif "lora_" in inner or ".original_module." in inner:
            raise UserError(f"{path}: tensor {name} is of an adapter that is not merged here")
        else:
            whole[re.sub(r"\.modules_to_save(\.default)?\.", ".", inner)] = tensor
    for module, parts in factors.items():
        _require_factors(path, module, parts, adapter.config.rank(module))
    _require_complete(adapter, factors, whole)
    return factors, whole


def merge_factors(
    tensors: dict[str, Tensor], factors: Mapping[str, Mapping[str, Tensor]], adapter: Adapter, dtype: torch.dtype
) -> None:
    """Replace the base's weights by W + scale B A, added in float32 and then cast to `dtype`.

    Raises UserError for a module that the base does not have, or has in another size.
    """
    path = adapter.weights
    for module, parts in factors.items():
        name = f"{module}.weight"
        if name not in tensors:
            raise UserError(f"{path}: module {module} fits nothing in the base; {MERGE_HINT}")
        weight, down, up = tensors[name], parts["A"], parts["B"]
        refuse_other_types({name: weight}, path)
        if tuple(weight.shape) != (len(up), down.shape[1]):
            raise UserError(
                f"{path}: module {module} is of size {(len(up), down.shape[1])}, but {name} of the base is "
                f"{tuple(weight.shape)}; {MERGE_HINT}"
            )
        update = adapter.config.scale(module) * (up.float() @ down.float())
        tensors[name] = (weight.float() + update).to(dtype)


def read_non_lora(path: Path) -> dict[str, Tensor]:
    """The tensors of non_lora_trainables.bin, named as in the base, as LLaVA's loader renames them."""
    stored = read_tensors([path])
    refuse_other_types(stored, path)
    tensors = {name.removeprefix("base_model."): tensor for name, tensor in stored.items()}
    if any(name.startswith("model.model.") for name in tensors):
        tensors = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    return tensors


def replace_tensors(
    tensors: dict[str, Tensor], whole: Mapping[str, Tensor], new: Collection[str], source: Path
) -> None:
    """Put trained tensors in the place of the base's; those of `new` need none.

    Raises UserError for one that the base does not have, or has in another shape.
    """
    for name, tensor in whole.items():
        if name not in tensors and name not in new:
            raise UserError(f"{source}: tensor {name} fits nothing in the base; {MERGE_HINT}")
        if name not in new and tensor.shape != tensors[name].shape:
            raise UserError(
                f"{source}: tensor {name} has shape {tuple(tensor.shape)}, but the base's "
                f"{tuple(tensors[name].shape)}; {MERGE_HINT}"
            )
        tensors[name] = tensor


def refuse_other_types(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise UserError for quantised tensors."""
    refuse_quantised(tensors, path)
    for name, tensor in tensors.items():
        if tensor.dtype not in WEIGHT_DTYPES:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise UserError(f"{path}: tensor {name} is of type {kind}: quantised weights are not supported")


def _require_factors(path: Path, module: str, parts: Mapping[str, Tensor], rank: int) -> None:
    if missing := {"A", "B"} - parts.keys():
        raise UserError(f"{path}: module {module} has no lora_{missing.pop()}")
    down, up = parts["A"], parts["B"]
    if down.ndim != 2 or up.ndim != 2:
        raise UserError(f"{path}: module {module} is no linear layer; only those are merged here")
    if not len(down) == up.shape[1] == rank:
        raise UserError(
            f"{path}: module {module} has rank {len(down)} (A) and {up.shape[1]} (B), but {ADAPTER_CONFIG} says {rank}"
        )


def _require_complete(adapter: Adapter, factors: Iterable[str], whole: Iterable[str]) -> None:
    """Raise UserError for a module that the settings name and no tensor is of."""
    path, config = adapter.folder / ADAPTER_CONFIG, adapter.config
    for name in target_names(config):
        if not any(f".{module}".endswith(f".{name}") for module in factors):
            raise UserError(f"{path}: target_modules {name!r:.60} fits nothing in {adapter.weights.name}")
    for name in config.modules_to_save:
        if not any(f".{name}." in f".{tensor}" for tensor in whole):
            raise UserError(f"{path}: modules_to_save {name!r:.60} fits nothing in {adapter.weights.name}")
    if not factors:
        raise UserError(f"{adapter.weights} holds no LoRA factors (lora_A, lora_B)")


def target_names(config: AdapterConfig) -> tuple[str, ...]:
    """The modules that the settings list; none where an expression stands for them."""
    return () if isinstance(config.target_modules, str) else config.target_modules
