"""Loads a model and makes an engine of it."""

from __future__ import annotations

from typing import Literal

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import Engine
from emma_eval.inference.simple import SimpleEngine
from emma_eval.models import ModelHandle


def load_engine(model: ModelHandle, batch_size: int | Literal["auto"] = "auto") -> Engine:
    """The loaded model as an engine; an Engine of another package is returned as it is, and ignores `batch_size`.

    Raises UserError if the model cannot be loaded or has none of the interfaces of `models.base`.
    """
    loaded = model.load()
    if hasattr(loaded, "describe"):
        engine: Engine = loaded
        return engine
    if hasattr(loaded, "collate"):
        return BatchedEngine(loaded, batch_size)
    if hasattr(loaded, "generate"):
        return SimpleEngine(loaded, batch_size)
    raise UserError(f"the model {model.spec.source} has no method generate(messages); docs/add-a-model.md shows one")
