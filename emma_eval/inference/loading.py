"""Loads a model and puts the engine around it that suits its kind."""

from __future__ import annotations

from typing import Literal

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import Engine
from emma_eval.inference.simple import SimpleEngine
from emma_eval.models import ModelHandle


def load_engine(model: ModelHandle, batch_size: int | Literal["auto"] = "auto") -> Engine:
    """The loaded model as an engine. An engine of another package is taken as it is, and batches as it likes.

    Raises UserError for what is wrong with the model, or if it is none of the kinds in `models.base`.
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
