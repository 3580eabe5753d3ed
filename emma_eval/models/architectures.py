"""The loaders that ship: of architectures, registered by the model_type of their config.json, and of `hf:PATH`.

Imports no torch until a model is loaded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from emma_eval.models.base import ModelSpec
from emma_eval.models.fingerprint import weights_fingerprint
from emma_eval.models.transformers.folder import read_chat_template, transformers_fingerprint, transformers_folder
from emma_eval.utils.cpu import set_malloc_thresholds, set_openmp_wait_policy, usable_cpus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emma_eval.models.emma.model import EmmaModel
    from emma_eval.models.multimodal.runner import ModelRunner
    from emma_eval.models.transformers.model import TransformersModel


@dataclass(frozen=True, slots=True)
class EmmaLoader:
    """Loads EMMA v1, v3 and plain LLaVA-1.5; `spec.source` is the checkpoint folder."""

    options: ClassVar[Mapping[str, str]] = {
        "fast_preprocess": "true: resize images by PyTorch instead of Pillow, up to one grey level off the reference"
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over weights, tokenizer, configuration and vision tower."""
        return weights_fingerprint(spec.source)

    def __call__(self, spec: ModelSpec) -> ModelRunner[EmmaModel]:
        """The model, ready to answer. Raises UserError for everything that can be wrong with a checkpoint."""
        fast_preprocess = spec.flag("fast_preprocess")
        _prepare_torch(spec.seed)
        from emma_eval.models.emma.loading import load_emma

        return load_emma(Path(spec.source), device=spec.device, dtype=spec.dtype, fast_preprocess=fast_preprocess)


@dataclass(frozen=True, slots=True)
class TransformersLoader:
    """Loads any image-text-to-text model of transformers; `spec.source` is a folder or a hub name."""

    options: ClassVar[Mapping[str, str]] = {
        "chat_template": "a file with the Jinja chat template to use instead of the model's own"
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over weights and settings, and the chat template that replaces the model's own."""
        return transformers_fingerprint(spec.source, spec.options.get("chat_template"))

    def __call__(self, spec: ModelSpec) -> TransformersModel:
        """The model, ready to answer. Raises UserError for what cannot be loaded."""
        folder = transformers_folder(spec.source)
        template = read_chat_template(spec.options.get("chat_template"))
        _prepare_torch(spec.seed)
        from emma_eval.models.transformers.loading import load_transformers

        return load_transformers(folder, spec.device, spec.dtype, template)


def _prepare_torch(seed: int) -> None:
    """Import torch with threads and memory as they suit this machine."""
    set_openmp_wait_policy()
    set_malloc_thresholds()
    import torch

    if "OMP_NUM_THREADS" not in os.environ:  # torch counts the machine's processors, not those granted to us
        torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    torch.manual_seed(seed)


EMMA = EmmaLoader()
TRANSFORMERS = TransformersLoader()
