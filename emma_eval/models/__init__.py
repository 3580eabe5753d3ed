"""The model room's door: names to models, without importing torch until one is loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emma_eval.models.fingerprint import weights_fingerprint
from emma_eval.models.folders import BUILT_IN, model_folder
from emma_eval.processors import usable_cpus

if TYPE_CHECKING:
    from emma_eval.models.emma.model import Emma

__all__ = ["list_models", "load_model", "model_folder", "weights_fingerprint"]


def list_models() -> dict[str, str]:
    """The built-in models, name -> one line of description. Any folder or hub name works besides."""
    return dict(BUILT_IN)


def load_model(
    name_or_path: str, *, device: str | None = None, dtype: str | None = None, fast_preprocess: bool = False
) -> Emma:
    """The model of a built-in name, a checkpoint folder or a hub name, ready to answer.

    `device`: a torch device, or None / "auto" for a GPU if there is one. `dtype`: float32, float16, bfloat16, or
    None / "auto" for float32 on a CPU and the checkpoint's own half precision on a GPU. `fast_preprocess`: resize
    pictures by PyTorch instead of Pillow, up to one level off the reference. Raises UserError for everything that can
    be wrong with a name, a folder or a checkpoint.
    """
    folder = model_folder(name_or_path)  # first: torch takes seconds to import, and a misspelt name none to tell
    # Spinning threads made torch 4 times slower on shared cores; libgomp reads this when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch

    from emma_eval.models.emma.loading import load_emma

    if "OMP_NUM_THREADS" not in os.environ:  # torch counts the machine's processors, not those granted to us
        torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    return load_emma(folder, device=device, dtype=dtype, fast_preprocess=fast_preprocess)
