"""Short ways to damage a checkpoint folder and to expect that it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.errors import UserError
from emma_eval.models import load_model


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
