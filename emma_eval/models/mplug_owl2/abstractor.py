"""mPLUG-Owl2's visual abstractor: learnt queries gather an image's features into a few tokens for the decoder.

As "mPLUG-Owl2: Revolutionizing Multi-modal Large Language Model with Modality Collaboration" (arXiv 2311.04257) and its
published code have it. B images, N patches and the class token of width Dv, Q queries, H heads, Dh the head dimension,
D the decoder's width.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from emma_eval.models.mplug_owl2.config import AbstractorConfig
from emma_eval.models.ops.attention import attention
from emma_eval.models.ops.linear import Linear
from emma_eval.models.ops.pointwise import swiglu

NORM_EPS = 1e-5  # of all norms but the one inside the MLP; no setting changes it


class Abstractor(nn.Module):
    """Q queries through the layers, projected to the decoder's width; one learnt row closes the image."""

    def __init__(self, config: AbstractorConfig, num_features: int, hidden_size: int) -> None:
        """`num_features` is 1 + N, `hidden_size` D."""
        super().__init__()
        width = config.hidden_size
        self.queries = nn.Parameter(torch.zeros(config.num_learnable_queries, width))
        self.layers = nn.ModuleList(AbstractorLayer(config, num_features) for _ in range(config.num_hidden_layers))
        self.projection = Linear(width, hidden_size)
        self.end_of_image = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, features: Tensor) -> Tensor:
        """(B, 1 + N, Dv) -> (B, Q + 1, D)."""
        x = self.queries.expand(len(features), -1, -1)  # (B, Q, Dv)
        for layer in self.layers:
            x = layer(x, features)
        return torch.cat([self.projection(x), self.end_of_image.expand(len(features), 1, -1)], dim=1)


class AbstractorLayer(nn.Module):
    """The queries attend to themselves and to the image; then an MLP with a norm inside.

    The residual starts at the normed queries. Positions are added to queries and keys, not to values.
    """

    query_positions: Tensor  # (Q, Dv)
    key_positions: Tensor  # (1 + N, Dv)

    def __init__(self, config: AbstractorConfig, num_features: int) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.num_heads = config.num_attention_heads
        self.register_buffer("query_positions", torch.zeros(config.num_learnable_queries, width))  # never trained
        self.register_buffer("key_positions", torch.zeros(num_features, width))
        self.query_norm, self.feature_norm = nn.LayerNorm(width, NORM_EPS), nn.LayerNorm(width, NORM_EPS)
        self.q_proj, self.k_proj, self.v_proj = (Linear(width, width) for _ in range(3))
        self.out_proj = Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, NORM_EPS)
        self.gate_up_proj = Linear(width, 2 * inner)
        self.inner_norm = nn.LayerNorm(inner, config.layer_norm_eps)
        self.down_proj = Linear(inner, width)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """Queries x (B, Q, Dv) and features (B, 1 + N, Dv) -> (B, Q, Dv)."""
        x = self.query_norm(x)
        context = torch.cat([x, self.feature_norm(features)], dim=1)  # (B, Q + 1 + N, Dv)
        positions = torch.cat([self.query_positions, self.key_positions])  # (Q + 1 + N, Dv)
        queries = self._split_heads(self.q_proj(x + self.query_positions))
        keys, values = self._split_heads(self.k_proj(context + positions)), self._split_heads(self.v_proj(context))
        x = x + self.out_proj(attention(queries, keys, values))
        hidden = self.inner_norm(swiglu(self.gate_up_proj(self.mlp_norm(x))))  # (B, Q, F)
        return cast(Tensor, x + self.down_proj(hidden))

    def _split_heads(self, x: Tensor) -> Tensor:
        """(B, L, H Dh) -> (B, H, L, Dh)."""
        return x.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)


def query_positions(num_queries: int, width: int) -> Tensor:
    """The sinusoidal positions of the queries, (Q, width) float32."""
    return _sinusoids(torch.arange(num_queries), width)


def key_positions(grid_size: int, width: int) -> Tensor:
    """Those of class token (zeros) and patches: (1 + grid_size^2, width) float32.

    The half that says the column comes before the row's.
    """
    rows, columns = torch.meshgrid(torch.arange(grid_size), torch.arange(grid_size), indexing="ij")
    patches = torch.cat([_sinusoids(part.flatten(), width // 2) for part in (columns, rows)], dim=1)
    return torch.cat([torch.zeros(1, width), patches])


def _sinusoids(positions: Tensor, width: int) -> Tensor:
    """Positions (L,) -> (L, width): sin(p w_j) for all j, then cos(p w_j), w_j = 10000^(-2j / width)."""
    frequencies = 10_000.0 ** (-torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = positions[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()
