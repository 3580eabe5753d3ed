"""A model before it is loaded: its name and fingerprint, and how to load it. A finished run never loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.errors import UserError
from emma_eval.results.manifest import ModelFacts
from emma_eval.runs.settings import RunSettings, model_name
from emma_eval.utils.files import sha256_of_file

if TYPE_CHECKING:
    from emma_eval.models import ModelPlugin
    from emma_eval.models.base import Model


@dataclass(frozen=True, slots=True)
class ModelSource:
    """What a run needs to know of a model, and the way to get it."""

    describe: Callable[[], ModelFacts]  # name and fingerprint; reads all weights, so it is asked once
    load: Callable[[], Model]


def model_source(settings: RunSettings) -> ModelSource:
    """The model that the settings name. Raises UserError if there is no such model; a hub name is asked for later."""
    from emma_eval.models import load_model, model_folder, model_plugin, weights_fingerprint
    from emma_eval.models.checkpoints.folders import HUB_NAME

    if found := model_plugin(settings.model):
        return _plugin_source(settings, *found)
    if not HUB_NAME.fullmatch(settings.model):
        model_folder(settings.model)

    def describe() -> ModelFacts:
        return ModelFacts(
            name=model_name(settings.model),
            source=settings.model,
            weights=weights_fingerprint(settings.model),
            config=sha256_of_file(model_folder(settings.model) / "config.json"),
        )

    def load() -> Model:
        import torch

        torch.manual_seed(settings.seed or 0)
        return load_model(
            settings.model, device=settings.device, dtype=settings.dtype, fast_preprocess=settings.fast_preprocess
        )

    return ModelSource(describe, load)


def _plugin_source(settings: RunSettings, plugin: ModelPlugin, source: str) -> ModelSource:
    """A model of another package; its fingerprint stands for its configuration too."""
    if settings.fast_preprocess:
        raise UserError(f"--fast-preprocess is for EMMA's own images; the model {settings.model} prepares them itself")

    def describe() -> ModelFacts:
        fingerprint = plugin.fingerprint(source)
        name = model_name(settings.model)
        return ModelFacts(name=name, source=settings.model, weights=fingerprint, config=fingerprint)

    return ModelSource(describe, lambda: plugin.load(source, device=settings.device, dtype=settings.dtype))


def loaded_facts(facts: ModelFacts, model: Model) -> ModelFacts:
    """The facts with what only the loaded model knows. A model without device or dtype (a server) has neither."""
    dtype = getattr(model, "dtype", None)
    device = getattr(model, "device", None)
    return facts.model_copy(
        update={
            "template": model.template,
            "built": getattr(model, "built", None),
            "family": getattr(model, "family", None),
            "dtype": None if dtype is None else str(dtype).removeprefix("torch."),
            "device": None if device is None else str(device).split(":")[0],
        }
    )
