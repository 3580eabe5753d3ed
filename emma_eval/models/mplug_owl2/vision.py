"""mPLUG-Owl2's vision model: CLIP's ViT, trained further; all layers, the class token kept, a norm over all rows."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from emma_eval.models.clip.model import VisionTower
from emma_eval.models.mplug_owl2.config import VisionConfig


class VisionModel(nn.Module):
    """Pixels to features of the class token and the patches."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.tower = VisionTower(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 1 + N, Dv), class token first."""
        return cast(Tensor, self.post_layernorm(self.tower(pixels).last_hidden_state))
