"""CLIP's two towers, as "Learning Transferable Visual Models From Natural Language Supervision" publishes them.

A tower ends at the block that EMMA reads. Hidden state k is the output of block k (0: the embeddings), so it is what
comes last; neither tower's final layer norm is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from emma_eval.models.clip.config import TextConfig, TowerConfig, VisionConfig
from emma_eval.models.ops.pointwise import quick_gelu


class Towers(Protocol):
    """What EMMA needs of CLIP. N patches of width Dv, 77 text positions of width Dt."""

    image_size: int
    patches: int  # N
    width: int  # Dv
    text_width: int  # Dt

    def vision_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> the selected hidden state, class token first: (B, 1 + N, Dv)."""
        ...

    def text_features(self, ids: Tensor) -> Tensor:
        """Ids (B, 77) -> the selected hidden state, causal and without padding mask: (B, 77, Dt)."""
        ...


class ClipTowers(nn.Module):
    """The towers of a CLIP checkpoint; `text` is None for plain LLaVA."""

    def __init__(self, vision: VisionConfig, text: TextConfig | None) -> None:
        super().__init__()
        self.image_size, self.patches, self.width = vision.image_size, vision.patches, vision.tower.width
        self.text_width = text.tower.width if text else 0
        self.vision = VisionTower(vision)
        self.text = TextTower(text) if text else None

    def vision_features(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        return cast(Tensor, self.vision(pixels))

    def text_features(self, ids: Tensor) -> Tensor:
        """See Towers."""
        assert self.text is not None, "plain LLaVA does not listen"
        return cast(Tensor, self.text(ids))


class VisionTower(nn.Module):
    """A vision transformer over patches, behind a class token."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width, patch = config.tower.width, config.patch_size
        self.patch_embedding = nn.Conv2d(config.channels, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.position_embedding = nn.Embedding(1 + config.patches, width)
        self.pre_layernorm = nn.LayerNorm(width, config.tower.epsilon)
        self.layers = nn.ModuleList(EncoderLayer(config.tower, causal=False) for _ in range(config.tower.layers))

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, 1 + N, D)."""
        patches = self.patch_embedding(pixels).flatten(2).mT  # (B, N, D)
        hidden = torch.cat([self.class_embedding.expand(len(pixels), 1, -1), patches], dim=1)
        hidden = self.pre_layernorm(hidden + self.position_embedding.weight)
        for layer in self.layers:
            hidden = layer(hidden)
        return cast(Tensor, hidden)


class TextTower(nn.Module):
    """A causal transformer over CLIP's tokens."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocabulary, config.tower.width)
        self.position_embedding = nn.Embedding(config.positions, config.tower.width)
        self.layers = nn.ModuleList(EncoderLayer(config.tower, causal=True) for _ in range(config.tower.layers))

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        hidden = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden)
        return cast(Tensor, hidden)


class EncoderLayer(nn.Module):
    """x += attention(norm(x)); x += W2 activation(W1 norm(x))."""

    def __init__(self, config: TowerConfig, causal: bool) -> None:
        super().__init__()
        width = config.width
        self.heads, self.causal, self.activation = config.heads, causal, ACTIVATIONS[config.activation]
        self.attention_norm = nn.LayerNorm(width, config.epsilon)
        self.qkv_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, config.epsilon)
        self.fc1 = nn.Linear(width, config.mlp_width)
        self.fc2 = nn.Linear(config.mlp_width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        products = self.qkv_proj(self.attention_norm(hidden)).view(*hidden.shape[:2], 3, self.heads, -1)
        queries, keys, values = products.permute(2, 0, 3, 1, 4)  # (B, H, T, Dh) each
        seen = scaled_dot_product_attention(queries, keys, values, is_causal=self.causal)
        hidden = hidden + self.out_proj(seen.transpose(1, 2).flatten(2))
        return cast(Tensor, hidden + self.fc2(self.activation(self.fc1(self.mlp_norm(hidden)))))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"quick_gelu": quick_gelu, "gelu": gelu}
