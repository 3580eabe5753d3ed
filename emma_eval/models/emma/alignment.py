"""EMMA's visual alignment: one linear layer over the token axis that lets the question speak to the image.

The equations of "EMMA: Efficient Visual Alignment in Multi-Modal LLMs", as its published code computes them
(github.com/SaraGhazanfari/EMMA). N visual tokens of width Dv, T text tokens of width Dt.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from emma_eval.models.ops.linear import Linear


class Alignment(nn.Module):
    """out = W [V; gelu(X Wp + bp)] + b over tokens, plus learnable tokens in v3. Untrained it is the identity on V."""

    def __init__(self, visual_tokens: int, text_tokens: int, width: int, text_width: int, version: str) -> None:
        super().__init__()
        self.text_projection = Linear(text_width, width)
        self.image_text_infusion = Linear(visual_tokens + text_tokens, visual_tokens)
        self.learnable_tokens = nn.Parameter(torch.zeros(visual_tokens, width)) if version == "v3" else None
        nn.init.eye_(self.image_text_infusion.weight)  # [I | 0]
        nn.init.zeros_(self.image_text_infusion.bias)

    def project_text(self, text: Tensor) -> Tensor:
        """E = gelu(X Wp + bp) with the exact (erf) GELU: (B, T, Dt) -> (B, T, Dv)."""
        return gelu(self.text_projection(text))

    def forward(self, vision: Tensor, projected_text: Tensor) -> Tensor:
        """V (B, N, Dv) and E (B, T, Dv) -> aligned (B, N, Dv). The image comes first in the concatenation."""
        tokens = torch.cat([vision, projected_text], dim=1)  # (B, N + T, Dv)
        aligned = cast(Tensor, self.image_text_infusion(tokens.mT)).mT  # W: (N, N + T); b: one value a token
        return aligned if self.learnable_tokens is None else aligned + self.learnable_tokens


def build_projector(kind: str, width: int, hidden_size: int) -> nn.Module:
    """LLaVA's mm_projector: `linear`, or `mlp2x_gelu` (Linear, exact GELU, Linear; state-dict keys 0 and 2)."""
    if kind == "linear":
        return Linear(width, hidden_size)
    return nn.Sequential(Linear(width, hidden_size), nn.GELU(), Linear(hidden_size, hidden_size))
