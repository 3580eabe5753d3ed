"""The model room's door: names to models, without importing torch until one is loaded.

Another package adds models by entry points of the group `emma_eval.models`; `--model NAME` or `--model NAME:SOURCE`
then means one of them.

May import: `registry`, `images`, `utils`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import BUILT_IN, model_folder
from emma_eval.models.fingerprint import weights_fingerprint
from emma_eval.registry import imported, known
from emma_eval.utils.cpu import set_malloc_thresholds, set_openmp_wait_policy, usable_cpus

if TYPE_CHECKING:
    from emma_eval.models.base import Model
    from emma_eval.models.emma.model import EmmaModel
    from emma_eval.models.multimodal.runner import ModelRunner

__all__ = ["ModelPlugin", "list_models", "load_model", "model_folder", "model_plugin", "weights_fingerprint"]


class ModelPlugin(Protocol):
    """What an entry point of the group `emma_eval.models` names. `source` is what the user wrote after the colon."""

    def fingerprint(self, source: str) -> str:
        """What tells this model from one that would answer otherwise: a hash over weights and code, say."""
        ...

    def load(self, source: str, *, device: str | None, dtype: str | None) -> Model:
        """The model, ready to answer. Raises UserError for a source, device or dtype that it cannot take."""
        ...


def model_plugin(name: str) -> tuple[ModelPlugin, str] | None:
    """Another package's model and its source, for a name that one registers; None for all other names."""
    plugin, _, source = name.partition(":")
    names = known("models")
    if plugin in BUILT_IN or plugin not in names:
        return None
    return imported(names[plugin]), source


def list_models() -> dict[str, str]:
    """Built-in and registered models, name -> one line of description. Any folder or hub name works besides."""
    return {name: BUILT_IN.get(name, f"of another package: {place}") for name, place in known("models").items()}


def load_model(
    name_or_path: str, *, device: str | None = None, dtype: str | None = None, fast_preprocess: bool = False
) -> ModelRunner[EmmaModel]:
    """The model of a built-in name, a checkpoint folder or a hub name, ready to answer.

    `device`: a torch device, or None / "auto" for a GPU if there is one. `dtype`: float32, float16, bfloat16, or
    None / "auto" for float32 on a CPU and the checkpoint's own half precision on a GPU. `fast_preprocess`: resize
    images by PyTorch instead of Pillow, up to one level off the reference. Raises UserError for everything that can
    be wrong with a name, a folder or a checkpoint.
    """
    if model_plugin(name_or_path):
        raise UserError(f"the model {name_or_path} is another package's: `run` takes it, nothing else")
    folder = model_folder(name_or_path)  # first: torch takes seconds to import, and a misspelt name none to tell
    set_openmp_wait_policy()
    set_malloc_thresholds()
    import torch

    from emma_eval.models.emma.loading import load_emma

    if "OMP_NUM_THREADS" not in os.environ:  # torch counts the machine's processors, not those granted to us
        torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    return load_emma(folder, device=device, dtype=dtype, fast_preprocess=fast_preprocess)
