"""Weight files to tensors to modules. Every failure is a UserError of one line that names the file and the tensor."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.names import with_plain_names
from emma_eval.utils.files import content_hint, read_head

WEIGHT_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def read_tensors(files: Iterable[Path]) -> dict[str, Tensor]:
    """All tensors of some weight files by their plain names, on the CPU, in their stored dtypes.

    .bin files are read `weights_only`. Raises UserError for a file that is missing, truncated or otherwise unreadable,
    and for two tensors of one name.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        shard = with_plain_names(_read_shard(path), path)
        if twice := min(tensors.keys() & shard.keys(), default=None):
            raise UserError(f"{path}: tensor {twice} is in another shard too; the shards are not of one save")
        tensors |= shard
    return tensors


def _read_shard(path: Path) -> dict[str, Tensor]:
    _require_weight_file(path)
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        # Only torch's zip format can be memory-mapped; the format before torch 1.6 is read whole.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except MemoryError:
        raise
    except Exception as error:  # torch's unpickler meets damage with whatever Python raises
        raise UserError(
            f"{path} is not a readable file of weights: truncated, corrupt, or holding more than tensors"
        ) from error
    if isinstance(content, dict) and not all(isinstance(name, str) for name in content):
        raise UserError(f"{path} holds tensors without names")
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path} holds no dictionary of tensors")
    return content


def _require_weight_file(path: Path) -> None:
    """Raise UserError for a file that holds something else than weights: a git-LFS pointer, a web page."""
    head = read_head(path)
    if str(path).encode(errors="replace") != os.fsencode(path):  # safetensors and torch open names in UTF-8
        raise UserError(
            f"{ascii(str(path))[1:-1]}: under this locale the name is not UTF-8, so the weights can't be opened; "
            "set LC_ALL=C.UTF-8 (or PYTHONUTF8=1), or rename the folder"
        )
    is_torch_or_safetensors = head.startswith(b"PK") or head[8:9] == b"{"  # a zip file; a length and a JSON object
    if not is_torch_or_safetensors and (hint := content_hint(head)):
        raise UserError(f"{path} is no file of weights{hint}")


def select_tensors(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], source: Path | str
) -> dict[str, Tensor]:
    """The tensors that `shapes` names. Raises UserError for the first that is missing, misshapen or quantised.

    `source` is the file or folder for the message.
    """
    for name, shape in shapes.items():
        if name not in tensors:
            similar = next((other for other in tensors if other.endswith(f".{name}")), "")
            hint = f"; there is {similar}, so the names are of another layout" if similar else ""
            raise UserError(f"{source}: tensor {name} {tuple(shape)} is missing{hint}")
        tensor = tensors[name]
        if tensor.dtype not in WEIGHT_DTYPES:
            raise UserError(
                f"{source}: tensor {name} is of type {str(tensor.dtype).removeprefix('torch.')}: quantised weights "
                "are not supported; take the checkpoint in float16 or bfloat16"
            )
        if tensor.shape != shape:
            raise UserError(
                f"{source}: tensor {name} has shape {tuple(tensor.shape)}, but the configuration asks for "
                f"{tuple(shape)}"
            )
    return {name: tensors[name] for name in shapes}


def load_parameters(module: ModuleT, tensors: Mapping[str, Tensor], source: Path | str, prefix: str = "") -> ModuleT:
    """Load a module's parameters from the tensors named `prefix` + the parameter's name.

    Raises UserError like `select_tensors`.
    """
    parts = parts_of_parameters(module, lambda name: (prefix + name,), tensors, source)
    module.load_state_dict({name: tensor for name, (tensor,) in parts.items()})
    return module


def parts_of_parameters(
    module: nn.Module,
    stored_names: Callable[[str], Sequence[str]],
    tensors: Mapping[str, Tensor],
    source: Path | str,
) -> dict[str, list[Tensor]]:
    """For each parameter of a module the stored tensors that it concatenates along its first dimension.

    `stored_names` gives their names for a parameter's name; they are of one shape. Raises UserError like
    `select_tensors`.
    """
    names = {name: stored_names(name) for name in module.state_dict()}
    shapes = {
        part: torch.Size((value.shape[0] // len(names[name]), *value.shape[1:]))
        for name, value in module.state_dict().items()
        for part in names[name]
    }
    selected = select_tensors(tensors, shapes, source)
    return {name: [selected[part] for part in parts] for name, parts in names.items()}


def concatenated(parts: Sequence[Tensor]) -> Tensor:
    """The tensors concatenated along the first dimension; a single one is not copied."""
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]


def strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def equal_up_to_rounding(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape and differ by no more than half precision rounds."""
    return one.shape == other.shape and torch.allclose(one.float(), other.float(), rtol=2**-7, atol=1e-6)


class SkipInitialization(TorchFunctionMode):
    """Within, modules are built without initial values, for a checkpoint's tensors to be assigned to them.

    On the meta device nn.Embedding's normal distribution would import torch._dynamo, which takes a second.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Return the tensor as it is for functions of torch.nn.init; call all others."""
        kwargs = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)
