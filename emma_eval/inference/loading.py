"""Loads a model and makes an engine of it: the one that suits it, or the one that the user names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import Engine
from emma_eval.inference.simple import SimpleEngine
from emma_eval.inference.vllm.loading import load_vllm_engine, require_embeddings
from emma_eval.inference.vllm.settings import parse_settings
from emma_eval.models import ModelHandle
from emma_eval.types import EngineName


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that a user names, and its options."""

    name: EngineName = "built-in"
    options: Mapping[str, str] = field(default_factory=dict)

    def require_fit(self, model: ModelHandle) -> None:
        """Raise UserError if the engine cannot answer for this model, or has no such options. Nothing is loaded."""
        if self.name == "vllm":
            require_embeddings(model)
            parse_settings("auto", self.options)
        elif self.options:
            raise UserError(f"--engine-option {min(self.options)}: the engine {self.name} takes no options")


BUILT_IN = EngineChoice()


def load_engine(
    model: ModelHandle, batch_size: int | Literal["auto"] = "auto", choice: EngineChoice = BUILT_IN
) -> Engine:
    """The loaded model as an engine; an Engine of another package is returned as it is, and ignores `batch_size`.

    Raises UserError if the model cannot be loaded or has none of the interfaces of `models.base`.
    """
    if choice.name == "vllm":
        return load_vllm_engine(model, batch_size, choice.options)
    loaded = model.load()
    if hasattr(loaded, "describe"):  # an Engine
        engine: Engine = loaded
        return engine
    if hasattr(loaded, "collate"):  # a Model
        return BatchedEngine(loaded, batch_size)
    if hasattr(loaded, "generate"):  # a TextModel
        return SimpleEngine(loaded, batch_size)
    raise UserError(f"the model {model.spec.source} has no method generate(messages); docs/add-a-model.md shows one")
