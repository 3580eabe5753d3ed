"""Short ways to damage a checkpoint folder and to expect that it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models import load_model
from tests.tiny_checkpoint import EMMA, TinyCheckpoint

Tensors = dict[str, Tensor]


def fails(folder: Path, *fragments: str) -> None:
    with pytest.raises(UserError) as failure:
        load_model(str(folder), device="cpu")
    message = str(failure.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message, message


def configure(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit(path: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = torch.load(path, weights_only=True)
    change(tensors)
    torch.save(tensors, path)


def edit_shards(folder: Path, change: Callable[[Tensors], Any]) -> None:
    path = folder / "model.safetensors"
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


def write_changed(root: Path, change: Callable[[Tensors], Any], tiny: TinyCheckpoint = EMMA) -> Path:
    folder = tiny.write(root)
    edit_shards(folder, change)
    return folder


def loaded_summary(folder: Path) -> str:
    return load_model(str(folder), device="cpu").summary


def add(name: str, *shape: int, dtype: torch.dtype = torch.float16) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: torch.ones(shape or (4,)).to(dtype)})


def cast(name: str, dtype: torch.dtype) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: tensors[name].to(dtype)})
