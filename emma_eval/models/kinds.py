"""Every kind of model that `--model` takes, for `list models`. Imports no loader until options are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from emma_eval.models import DEFAULT_ARCHITECTURE, list_models
from emma_eval.models.checkpoints.folders import BUILT_IN
from emma_eval.registry import SHIPPED, entries, import_object

FOLDER = "FOLDER"
CHECKPOINTS: Mapping[str, Mapping[str, str]] = {  # by architecture: the section in docs/models.md -> one line
    "llava_llama": {
        "EMMA": "EMMA v1 or v3 in its authors' layout",
        "LLaVA-1.5": "LLaVA-1.5 in LLaVA's layout: Vicuna, LLaMA, LLaMA-2",
        "LoRA fine-tunes": "a LoRA fine-tune of either, merged into its base",
        "Projectors alone": "mm_projector.bin of LLaVA's pretraining, with its base",
    },
    "llava_mistral": {"LLaVA with Mistral": "LLaVA with a Mistral language model, LoRA likewise"},
    "llava_hf": {"LLaVA as transformers converts it": "transformers' conversion of LLaVA-1.5 (llava-hf)"},
    "mplug_owl2": {"mPLUG-Owl2": "mPLUG-Owl2 in its authors' layout, or as transformers saved it"},
}


@dataclass(frozen=True, slots=True)
class ModelKind:
    """One way to name a model."""

    usage: str  # what `--model` takes: `emma-mini`, `hf:PATH`, FOLDER
    section: str  # heading in docs/models.md
    line: str  # what it is
    place: str  # of its loader, as the registry has it

    def options(self) -> Mapping[str, str]:
        """`--model-option` -> what it does. Raises UserError if another package's loader cannot be imported."""
        loader = import_object(self.place)
        if isinstance(loader, Path):  # a checkpoint folder that has a name
            loader = import_object(entries("architectures")[DEFAULT_ARCHITECTURE])
        options: Mapping[str, str] = getattr(loader, "options", {})
        return options


def model_kinds() -> Iterator[ModelKind]:
    """Built-in checkpoints, checkpoint folders by architecture, other names; those of other packages among them."""
    registered = list(_registered())
    yield from (kind for kind in registered if kind.usage in BUILT_IN)
    architectures = entries("architectures")
    for name, sections in CHECKPOINTS.items():
        for section, line in sections.items():
            yield ModelKind(FOLDER, section, line, architectures[name])
    for name in sorted(architectures.keys() - SHIPPED["architectures"].keys()):
        place = architectures[name]
        yield ModelKind(FOLDER, name, f"model_type {name}, of another package: {place}", place)
    yield from (kind for kind in registered if kind.usage not in BUILT_IN)


def _registered() -> Iterator[ModelKind]:
    places = entries("models")
    for name, line in list_models().items():
        usage = re.match(rf"{re.escape(name)}:\w+", line)  # a name that takes a source says which
        called = usage[0] if usage else name
        yield ModelKind(called, called, line.removeprefix(f"{called}, "), places[name])
