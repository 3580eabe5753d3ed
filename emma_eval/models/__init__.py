"""From a name to a model, without importing torch until one is loaded.

A name is registered (`emma-mini`, or another package's entry point of the group `emma_eval.models`, written NAME or
NAME:SOURCE), a checkpoint folder, or a hub name. The architecture of a checkpoint is found by the model_type of its
config.json among the registered ones.

May import: `registry`, `images`, `utils`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.models.base import ModelLoader, ModelSpec
from emma_eval.models.checkpoints.dtypes import check_dtype
from emma_eval.models.checkpoints.folders import BUILT_IN, HUB_NAME, model_folder
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG
from emma_eval.models.emma.converted_config import is_conversion
from emma_eval.models.fingerprint import weights_fingerprint
from emma_eval.registry import entries, import_object
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.text import did_you_mean

__all__ = ["ModelHandle", "find_model", "list_models", "load_model", "model_folder", "weights_fingerprint"]

SHIPPED_MODELS = BUILT_IN | {
    "hf": "hf:PATH, any image-text-to-text model of transformers (folder or hub name)",
    "openai": "openai:NAME, any model behind an OpenAI-compatible server (--base-url URL)",
}
ADDRESS_OPTION = "base_url"  # of the models behind a server alone
CONVERSION = "llava_hf"  # as the registry has it: no model_type of this name exists
DEFAULT_ARCHITECTURE = "llava_llama"  # its loader explains why a configuration of another model_type is not supported


class ModelHandle:
    """A model that exists but is not loaded yet: gives its fingerprint and loads it."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    @cached_property
    def _registered(self) -> tuple[Any, str] | None:
        """The object registered under the name before the colon, and the source after it; None for other names."""
        name, _, source = self.spec.source.partition(":")
        models = entries("models")
        return (import_object(models[name]), source) if name in models else None

    @cached_property
    def folder(self) -> Path | None:
        """The checkpoint folder; None for a model that another package loads. Downloads a hub repository."""
        if self._registered is None or isinstance(self._registered[0], Path):
            return model_folder(self.spec.source)
        return None

    @cached_property
    def _loader(self) -> tuple[ModelLoader, ModelSpec]:
        """The loader, and the spec that it gets. Raises UserError for an option that it does not take."""
        if self.folder is not None:
            loader, source = _architecture(self.folder), str(self.folder)
        else:
            assert self._registered is not None
            loader, source = self._registered
        options = getattr(loader, "options", {})
        for option in self.spec.options:
            if option not in options and option == ADDRESS_OPTION:
                raise UserError(
                    f"--base-url is the address of a model behind a server, --model openai:NAME; {self.spec.source} "
                    "is none: its files are loaded here"
                )
            if option not in options:
                takes = f"it takes {', '.join(options)}" if options else "it takes none"
                hint = did_you_mean(option, options) or f"; {takes}"
                raise UserError(f"--model-option {option}: the model {self.spec.source} has no such option{hint}")
        return loader, replace(self.spec, source=source)

    def check(self) -> None:
        """Raise UserError if there is no such model or option. A hub repository is not downloaded for it."""
        if self._registered is not None or not HUB_NAME.fullmatch(self.spec.source):
            _ = self._loader

    def check_place(self, *, device_too: bool) -> None:
        """Raise UserError for an unknown precision and, with `device_too`, for a device that is not in this machine.

        For what torch loads, which is imported for another device than the CPU; nothing is read or downloaded.
        """
        registered = None if self._registered is None else self._registered[0]
        if registered is None or isinstance(registered, Path) or getattr(registered, "has_torch_device", False):
            check_dtype(self.spec.dtype)
            if device_too and self.spec.device not in (None, "auto", "cpu"):
                from emma_eval.models.checkpoints.devices import choose_device

                choose_device(self.spec.device)

    @cached_property
    def deciding_options(self) -> Mapping[str, str] | None:
        """The options that answers depend on, which a run is recognized by; None: all, the loader says nothing else.

        Raises UserError for a value that such a loader does not take.
        """
        loader, spec = self._loader
        deciding: Callable[[ModelSpec], Mapping[str, str]] | None = getattr(loader, "deciding_options", None)
        return deciding(spec) if deciding else None

    @property
    def is_remote(self) -> bool:
        """Whether the loader says that its model answers on a server, so that copies in this machine add nothing."""
        return bool(getattr(self._loader[0], "is_remote", False))

    @property
    def gives_embeddings(self) -> bool:
        """Whether the loader says that its model is one whose language model another program may compute."""
        return bool(getattr(self._loader[0], "gives_embeddings", False))

    def fingerprint(self) -> str:
        """A text that differs for a model that would answer differently; reads all weights of a checkpoint.

        For a loader without `fingerprint`: SHA-256 over the loader's file, and the source.
        """
        loader, spec = self._loader
        if fingerprint := getattr(loader, "fingerprint", None):
            return str(fingerprint(spec))
        file = getattr(sys.modules.get(loader.__module__), "__file__", None)
        code = sha256_of_file(Path(file)) if file else ""
        return hashlib.sha256(f"{code} {spec.source}".encode()).hexdigest()

    def config_digest(self) -> str:
        """SHA-256 of a checkpoint's config.json; another package's fingerprint stands for its configuration too."""
        return self.fingerprint() if self.folder is None else sha256_of_file(self.folder / "config.json")

    def load(self) -> Any:
        """A TextModel, a Model or an Engine, ready to answer. Raises UserError for whatever is wrong with it."""
        loader, spec = self._loader
        return loader(spec)


def find_model(spec: ModelSpec) -> ModelHandle:
    """The model that a spec names. Raises UserError if there is no such model or option; hub names are tried later."""
    handle = ModelHandle(spec)
    handle.check()
    return handle


def load_model(
    source: str, *, device: str | None = None, dtype: str | None = None, options: Mapping[str, str] | None = None
) -> Any:
    """The model of a registered name, a checkpoint folder or a hub name, ready to answer; see ModelSpec.

    Raises UserError for everything that can be wrong with a name, a folder or a checkpoint.
    """
    return ModelHandle(ModelSpec(source, device, dtype, options or {})).load()


def list_models() -> dict[str, str]:
    """Built-in and registered models, name -> one line of description. Any folder or hub name works besides."""
    return {name: SHIPPED_MODELS.get(name, f"of another package: {place}") for name, place in entries("models").items()}


def _architecture(folder: Path) -> ModelLoader:
    """The loader registered for a checkpoint's model_type; transformers' LLaVA shares its with older ones."""
    architectures = entries("architectures")
    content = read_json_object(folder / "config.json")
    kind = content.get("model_type")
    if is_conversion(content):
        kind = CONVERSION
        if is_regular_file(folder / ADAPTER_CONFIG):
            raise UserError(
                f"{folder}: a LoRA adapter of a conversion for transformers is not merged here; merge it by peft "
                "(merge_and_unload) and save the whole model"
            )
    name = kind if isinstance(kind, str) and kind in architectures else DEFAULT_ARCHITECTURE
    loader: ModelLoader = import_object(architectures[name])
    return loader
