"""LoRA adapters merged into a base's tensors in float32, and whole tensors that training replaced.

W + s B A, as "LoRA: Low-Rank Adaptation of Large Language Models" has it; with "DoRA: Weight-Decomposed Low-Rank
Adaptation" each row of it scaled to a trained length. A table of embeddings is the transpose of a linear layer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.adapters import Adapter, AdapterConfig
from emma_eval.models.checkpoints.state_dict import WEIGHT_DTYPES, read_tensors
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG
from emma_eval.models.checkpoints.unused_tensors import refuse_quantised

FACTOR = re.compile(
    r"(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B|magnitude_vector)(\.default)?(\.weight)?"
)
INSIDE_WRAPPERS = re.compile(r"\.(base_layer|modules_to_save(\.default)?)(?=\.)")  # PEFT's, around whole modules
LAYERS = "model.layers."  # the language model's
MERGE_HINT = "the base is another one than it was trained on"


@dataclass(frozen=True, slots=True)
class Factors:
    """What an adapter has for one module."""

    down: Tensor  # A (r, in)
    up: Tensor  # B (out, r)
    magnitude: Tensor | None  # DoRA's lengths (out,)
    is_embedding: bool

    def merged(self, weight: Tensor, scale: float) -> Tensor:
        """The weight (out, in), of embeddings (in, out), with the factors added: float32."""
        update = scale * (self.up.float() @ self.down.float())
        merged = weight.float() + (update.T if self.is_embedding else update)
        if self.magnitude is None:
            return merged
        lengths: Tensor = torch.linalg.norm(merged, dim=1)
        return merged * (self.magnitude.float() / lengths)[:, None]

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the weight that they are added to."""
        size = len(self.up), self.down.shape[1]
        return size[::-1] if self.is_embedding else size


def read_adapter(adapter: Adapter) -> tuple[dict[str, Factors], dict[str, Tensor]]:
    """Module -> its factors, and tensors that were trained as a whole; named as in the base.

    Raises UserError for tensors of another kind of adapter, and for one that lacks what its settings announce.
    """
    path = adapter.weights
    stored = read_tensors([path])
    refuse_other_types(stored, path)
    parts: dict[str, dict[str, Tensor]] = {}
    whole: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        inner = INSIDE_WRAPPERS.sub("", name)
        if match := FACTOR.fullmatch(name):
            parts.setdefault(match["module"], {})[match["part"]] = tensor
        elif "lora_" in name or ".original_module." in name or inner in whole:
            raise UserError(f"{path}: tensor {name} is of an adapter that is not merged here")
        else:
            whole[inner] = tensor
    factors = {module: _factors(path, module, found, adapter.config) for module, found in parts.items()}
    _require_complete(adapter, factors, whole)
    return factors, whole


def merge_factors(
    tensors: dict[str, Tensor], factors: Mapping[str, Factors], adapter: Adapter, dtype: torch.dtype
) -> None:
    """Replace the base's weights by those with the factors added, in float32, and then cast to `dtype`.

    Raises UserError for a module that the base does not have or has in another size, and for one of the language
    model's that the settings name and the adapter has nothing for.
    """
    path = adapter.weights
    for module, of_module in factors.items():
        name = f"{module}.weight"
        if name not in tensors:
            raise UserError(f"{path}: module {module} fits nothing in the base; {MERGE_HINT}")
        refuse_other_types({name: tensors[name]}, path)
        if tuple(tensors[name].shape) != of_module.shape:
            raise UserError(
                f"{path}: module {module} is of size {of_module.shape}, but {name} of the base is "
                f"{tuple(tensors[name].shape)}; {MERGE_HINT}"
            )
        tensors[name] = of_module.merged(tensors[name], adapter.config.scale(module)).to(dtype)
    for name, tensor in tensors.items():
        module = name.removesuffix(".weight")
        is_linear = name.startswith(LAYERS) and tensor.ndim == 2 and module != name
        if is_linear and module not in factors and adapter.config.targets(module):
            raise UserError(
                f"{path}: nothing for module {module}, which target_modules in {ADAPTER_CONFIG} names: the file is "
                f"incomplete, or {MERGE_HINT}"
            )


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


def _factors(path: Path, module: str, parts: Mapping[str, Tensor], config: AdapterConfig) -> Factors:
    """The tensors of a module, checked against the settings."""
    is_embedding = "embedding_A" in parts or "embedding_B" in parts
    names = ("embedding_A", "embedding_B") if is_embedding else ("A", "B")
    expected = {*names, *(["magnitude_vector"] if config.use_dora else [])}
    if missing := sorted(expected - parts.keys()):
        raise UserError(f"{path}: module {module} has no lora_{missing[0]}")
    if surplus := sorted(parts.keys() - expected):
        raise UserError(f"{path}: module {module} has lora_{surplus[0]}, which {ADAPTER_CONFIG} does not announce")
    if is_embedding and config.use_dora:
        raise UserError(f"{path}: DoRA of the embeddings ({module}) is not supported")
    down, up, magnitude = parts[names[0]], parts[names[1]], parts.get("magnitude_vector")
    if down.ndim != 2 or up.ndim != 2:
        raise UserError(f"{path}: module {module} is no linear layer; only those are merged here")
    rank = config.rank(module)
    if not len(down) == up.shape[1] == rank:
        raise UserError(
            f"{path}: module {module} has rank {len(down)} (A) and {up.shape[1]} (B), but {ADAPTER_CONFIG} says {rank}"
        )
    if magnitude is not None and magnitude.shape != (len(up),):
        raise UserError(f"{path}: module {module} has lora_magnitude_vector {tuple(magnitude.shape)}, not {len(up)}")
    return Factors(down, up, magnitude, is_embedding)


def _require_complete(adapter: Adapter, factors: Mapping[str, Factors], whole: Mapping[str, Tensor]) -> None:
    """Raise UserError for a module that the settings name and no tensor is of."""
    path, config = adapter.folder / ADAPTER_CONFIG, adapter.config
    for name in config.target_modules if isinstance(config.target_modules, tuple) else ():
        if not config.leaves_out(name) and not any(f".{module}".endswith(f".{name}") for module in factors):
            raise UserError(f"{path}: target_modules {name!r:.60} fits nothing in {adapter.weights.name}")
    for name in config.modules_to_save:
        if not any(f".{name}." in f".{tensor}" for tensor in whole):
            raise UserError(f"{path}: modules_to_save {name!r:.60} fits nothing in {adapter.weights.name}")
    if not factors:
        raise UserError(f"{adapter.weights} holds no LoRA factors (lora_A, lora_B)")
