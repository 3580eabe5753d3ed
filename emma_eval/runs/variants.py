"""Handles of a model that is run several times with something changed: loaded once, told apart by a definition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.results.manifest import VARIANT_OPTION
from emma_eval.runs.settings import model_name

Load = Callable[[], Any]


class UnchangedHandle(ModelHandle):
    """The handle of the model as it is: all of it as the model's own, but loaded as `load` says."""

    def __init__(self, model: ModelHandle, load: Load, spec: ModelSpec | None = None) -> None:
        super().__init__(spec or model.spec)
        self._model, self._load = model, load

    @property
    def deciding_options(self) -> Mapping[str, str] | None:
        """As of the model."""
        return self._model.deciding_options

    @property
    def is_remote(self) -> bool:
        """As of the model."""
        return self._model.is_remote

    @property
    def gives_embeddings(self) -> bool:
        """As of the model."""
        return self._model.gives_embeddings

    def check(self) -> None:
        """As of the model."""
        self._model.check()

    def check_place(self, *, device_too: bool) -> None:
        """As of the model."""
        self._model.check_place(device_too=device_too)

    def fingerprint(self) -> str:
        """That of the model."""
        return self._model.fingerprint()

    def config_digest(self) -> str:
        """That of the model."""
        return self._model.config_digest()

    def load(self) -> Any:
        """What `load` gives."""
        return self._load()


class VariantHandle(UnchangedHandle):
    """The handle of a variant: named MODEL, VARIANT, and recognised by the model and the variant's definition."""

    def __init__(self, model: ModelHandle, name: str, definition: str, load: Load) -> None:
        # no path, so that nothing finds the checkpoint itself under the name
        super().__init__(model, load, replace(model.spec, source=f"{model_name(model.spec.source)}, {name}"))
        self._definition = definition

    @property
    def deciding_options(self) -> Mapping[str, str]:
        """The model's, and the definition."""
        options = self._model.deciding_options
        return {**(self._model.spec.options if options is None else options), VARIANT_OPTION: self._definition}

    def fingerprint(self) -> str:
        """Hex SHA-256 over the model's fingerprint and the variant's definition."""
        return hashlib.sha256(f"{super().fingerprint()} {self._definition}".encode()).hexdigest()
