"""How a checkpoint is loaded, besides what its files say. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of a ModelSpec, read."""

    device: str | None = None  # as torch names devices; None: a GPU if there is one
    dtype: str | None = None  # float32, float16, bfloat16; None: float32 on a CPU, half precision on a GPU
    fast_preprocess: bool = False  # images are resized by PyTorch
    applies_window: bool = False  # Mistral's sliding window, which LLaVA's own code ignores
