"""Weight files to tensors to modules, with every way this fails told in one line that names file and tensor."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.paths import LFS_POINTER, is_regular

WEIGHT_TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def read_tensors(files: Iterable[Path]) -> dict[str, Tensor]:
    """All tensors of some weight files, on the CPU, in their stored types; .bin files are read `weights_only`.

    Raises UserError naming the file that is missing, truncated or otherwise unreadable.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        read = _read(path)
        if twice := min(tensors.keys() & read.keys(), default=None):
            raise UserError(f"{path}: tensor {twice} is in another shard too; the shards are not of one save")
        tensors |= read
    return tensors


def _read(path: Path) -> dict[str, Tensor]:
    _require_weights(path)
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        # Only torch's zip format can be mapped; the format before torch 1.6 is read whole.
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except (SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError) as error:
        raise UserError(
            f"{path} is not a readable file of weights: truncated, corrupt, or holding more than tensors"
        ) from error
    if isinstance(loaded, dict) and not all(isinstance(name, str) for name in loaded):
        raise UserError(f"{path} holds tensors without names")
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise UserError(f"{path} holds no dictionary of tensors")
    return loaded


def _require_weights(path: Path) -> None:
    """Raise UserError for a file that is none, with what it is instead."""
    if not is_regular(path):
        raise UserError(f"{path} is missing" if not path.exists() else f"{path} is no regular file")
    if str(path).encode(errors="replace") != os.fsencode(path):  # safetensors and torch open names in UTF-8
        raise UserError(
            f"{ascii(str(path))[1:-1]}: under this locale the name is not UTF-8, so the weights can't be opened; "
            "set LC_ALL=C.UTF-8 (or PYTHONUTF8=1), or rename the folder"
        )
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if start.startswith(LFS_POINTER):
        raise UserError(f"{path} is a git-LFS pointer, not the weights themselves; fetch them with `git lfs pull`")
    if start.lstrip()[:1] == b"<":
        raise UserError(f"{path} is a web page, not weights; the download failed, so fetch it again")


def take(tensors: Mapping[str, Tensor], expected: Mapping[str, torch.Size], source: Path | str) -> dict[str, Tensor]:
    """The expected tensors. Raises UserError naming the first that is missing, or misshaped with both shapes."""
    for name, shape in expected.items():
        if name not in tensors:
            alike = next((other for other in tensors if other.endswith(f".{name}")), "")
            there = f"; there is {alike}, so the names are of another layout" if alike else ""
            raise UserError(f"{source}: tensor {name} {tuple(shape)} is missing{there}")
        if (kind := tensors[name].dtype) not in WEIGHT_TYPES:
            raise UserError(
                f"{source}: tensor {name} is of type {str(kind).removeprefix('torch.')}: quantised weights are not "
                "supported; take the checkpoint in float16 or bfloat16"
            )
        if tensors[name].shape != shape:
            found = tuple(tensors[name].shape)
            raise UserError(f"{source}: tensor {name} has shape {found}, but the configuration asks for {tuple(shape)}")
    return {name: tensors[name] for name in expected}


def fill(module: ModuleT, tensors: Mapping[str, Tensor], source: Path | str, prefix: str = "") -> ModuleT:
    """Load a module's parameters from tensors named `prefix` + the parameter's name. Raises UserError like `take`."""
    parts = parts_of(module, lambda name: (prefix + name,), tensors, source)
    module.load_state_dict({name: stored for name, (stored,) in parts.items()})
    return module


def parts_of(
    module: nn.Module, names: Callable[[str], Sequence[str]], tensors: Mapping[str, Tensor], source: Path | str
) -> dict[str, list[Tensor]]:
    """For each parameter of a module the stored tensors that stand in it one above another, as `names` names them.

    They are equal parts of it. Raises UserError like `take`.
    """
    parts = {name: names(name) for name in module.state_dict()}
    expected = {
        part: torch.Size((value.shape[0] // len(parts[name]), *value.shape[1:]))
        for name, value in module.state_dict().items()
        for part in parts[name]
    }
    found = take(tensors, expected, source)
    return {name: [found[part] for part in of] for name, of in parts.items()}


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Tensors one above another; a single one as it is."""
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]


def without_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, by their names below it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
