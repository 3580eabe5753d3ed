"""Modules that exist twice, once for tokens of text and once for tokens of images, as mPLUG-Owl2's decoder has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Modalities:
    """Which of B x L tokens are of text and which of images: indices into the flattened (B L). Padding is text."""

    text: Tensor
    image: Tensor

    @classmethod
    def of(cls, is_image: NDArray[np.bool_], device: torch.device) -> Modalities | None:
        """By a mask (B, L); None where all is text."""
        if not is_image.any():
            return None
        flat = is_image.ravel()
        return cls(*(torch.from_numpy(np.flatnonzero(part)).to(device) for part in (~flat, flat)))


class ByModality(nn.Module):
    """Two modules of one kind; each token goes through its own alone."""

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.text, self.image = build(), build()

    def forward(self, x: Tensor, modalities: Modalities | None = None) -> Tensor:
        """(B, L, D) -> (B, L, D'); all by the module for text where no modalities are told apart."""
        if modalities is None:
            return cast(Tensor, self.text(x))
        flat = x.flatten(0, 1)  # (B L, D)
        of_text, of_images = self.text(flat[modalities.text]), self.image(flat[modalities.image])
        out: Tensor = of_text.new_empty(len(flat), of_text.shape[-1])
        out[modalities.text], out[modalities.image] = of_text, of_images
        return out.view(*x.shape[:2], -1)


def by_modality(module: nn.Module, x: Tensor, modalities: Modalities | None) -> Tensor:
    """`module` on x (B, L, D), given which tokens are of images if any is."""
    return cast(Tensor, module(x) if modalities is None else module(x, modalities))
