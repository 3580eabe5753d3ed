"""The architectures that ship: each a loader of checkpoint folders, registered by the model_type of their config.json.

Imports no torch until a model is loaded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.adapters import find_parts
from emma_eval.models.fingerprint import weights_fingerprint
from emma_eval.utils.cpu import set_malloc_thresholds, set_openmp_wait_policy, usable_cpus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emma_eval.models.emma.model import EmmaModel
    from emma_eval.models.multimodal.runner import ModelRunner


@dataclass(frozen=True, slots=True)
class EmmaLoader:
    """Loads EMMA v1, v3 and plain LLaVA-1.5; `spec.source` is the checkpoint folder."""

    options: ClassVar[Mapping[str, str]] = {
        "fast_preprocess": "true: resize images by PyTorch instead of Pillow, up to one grey level off the reference",
        "base": "of a LoRA folder: the base's folder or hub name; without it the folder that the adapter names",
        "alignment": "of an EMMA LoRA folder: own, what was trained with it; base, the base's, as the reference has it",
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over weights, tokenizer, configuration and vision tower; of a LoRA folder also over its base."""
        return weights_fingerprint(spec.source, spec.options.get("base"), spec.options.get("alignment"))

    def __call__(self, spec: ModelSpec) -> ModelRunner[EmmaModel]:
        """The model, ready to answer. Raises UserError for everything that can be wrong with a checkpoint."""
        set_openmp_wait_policy()
        set_malloc_thresholds()
        fast_preprocess = spec.flag("fast_preprocess")
        parts = find_parts(Path(spec.source), spec.options.get("base"), spec.options.get("alignment"))
        import torch

        from emma_eval.models.emma.loading import load_emma

        if "OMP_NUM_THREADS" not in os.environ:  # torch counts the machine's processors, not those granted to us
            torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
        torch.manual_seed(spec.seed)
        return load_emma(parts, device=spec.device, dtype=spec.dtype, fast_preprocess=fast_preprocess)


EMMA = EmmaLoader()
