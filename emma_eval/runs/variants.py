"""Handles of a model that is run several times with something changed: loaded once, told apart by a definition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from emma_eval.models import ModelHandle
from emma_eval.results.manifest import VARIANT_OPTION
from emma_eval.runs.settings import model_name

Load = Callable[[], Any]


class UnchangedHandle(ModelHandle):
    """The handle of the model as it is: that of its own name, but loaded as `load` says."""

    def __init__(self, model: ModelHandle, load: Load) -> None:
        super().__init__(model.spec)
        self._load = load

    def load(self) -> Any:
        """What `load` gives."""
        return self._load()


class VariantHandle(ModelHandle):
    """The handle of a variant: named MODEL, VARIANT, and recognised by the model and the variant's definition."""

    deciding_options: Mapping[str, str] = {}

    def __init__(self, model: ModelHandle, name: str, definition: str, load: Load) -> None:
        base = model.spec
        # no path, so that nothing finds the checkpoint itself under the name
        super().__init__(replace(base, source=f"{model_name(base.source)}, {name}"))
        self._model, self._definition, self._load = model, definition, load
        options = base.options if model.deciding_options is None else model.deciding_options
        self.deciding_options = {**options, VARIANT_OPTION: definition}

    @property
    def is_remote(self) -> bool:
        """As of the model."""
        return self._model.is_remote

    @property
    def gives_embeddings(self) -> bool:
        """As of the model."""
        return self._model.gives_embeddings

    def check(self) -> None:
        """The model's own handle has checked it."""

    def check_place(self, *, device_too: bool) -> None:
        """As of the model."""
        self._model.check_place(device_too=device_too)

    def fingerprint(self) -> str:
        """Hex SHA-256 over the model's fingerprint and the variant's definition."""
        return hashlib.sha256(f"{self._model.fingerprint()} {self._definition}".encode()).hexdigest()

    def config_digest(self) -> str:
        """That of the model."""
        return self._model.config_digest()

    def load(self) -> Any:
        """What `load` gives."""
        return self._load()
