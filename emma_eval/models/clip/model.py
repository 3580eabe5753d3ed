"""CLIP's two towers, as "Learning Transferable Visual Models From Natural Language Supervision" publishes them.

A tower is built up to the layer whose output is used; neither tower's final layer norm is applied. In the shapes below
B is the batch, N the patches, T the tokens, D the hidden size, H the heads, Dh the head dimension. Q, K and V are one
fused projection. Every projection is called as a module, so forward hooks fire and a replaced one is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from emma_eval.models.clip.config import ClipTextConfig, ClipTowerConfig, ClipVisionConfig
from emma_eval.models.ops.attention import attention, attention_weights
from emma_eval.models.ops.linear import Linear
from emma_eval.models.ops.outputs import TransformerOutput
from emma_eval.models.ops.pointwise import quick_gelu


class Towers(Protocol):
    """What a multimodal model needs of CLIP. N patches of width Dv, 77 text positions of width Dt."""

    image_size: int  # S, pixels a side
    num_patches: int  # N
    vision_width: int  # Dv
    text_width: int  # Dt

    def vision_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> the selected hidden state, class token first: (B, 1 + N, Dv)."""
        ...

    def text_features(self, ids: Tensor) -> Tensor:
        """Ids (B, 77) -> the selected hidden state, causal and without padding mask: (B, 77, Dt)."""
        ...


class ClipTowers(nn.Module):
    """The towers of a CLIP checkpoint; `text` is None for plain LLaVA."""

    def __init__(self, vision: ClipVisionConfig, text: ClipTextConfig | None) -> None:
        super().__init__()
        self.image_size, self.num_patches = vision.image_size, vision.num_patches
        self.vision_width = vision.hidden_size
        self.text_width = text.hidden_size if text else 0
        self.vision = VisionTower(vision)
        self.text = TextTower(text) if text else None

    def vision_features(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        return cast(Tensor, self.vision(pixels).last_hidden_state)

    def text_features(self, ids: Tensor) -> Tensor:
        """See Towers."""
        assert self.text is not None, "plain LLaVA has no text tower"
        return cast(Tensor, self.text(ids).last_hidden_state)


class VisionTower(nn.Module):
    """A vision transformer over a class token and patches."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.patch_embedding = nn.Conv2d(config.num_channels, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.position_embedding = nn.Embedding(1 + config.num_patches, width)
        self.pre_layernorm = nn.LayerNorm(width, config.layer_norm_eps)
        self.layers = nn.ModuleList(EncoderLayer(config, is_causal=False) for _ in range(config.num_hidden_layers))

    def forward(
        self, pixels: Tensor, *, output_hidden_states: bool = False, output_attentions: bool = False
    ) -> TransformerOutput:
        """(B, 3, S, S) -> (B, 1 + N, D), class token first."""
        patches = self.patch_embedding(pixels).flatten(2).mT  # (B, N, D)
        x = torch.cat([self.class_embedding.expand(len(pixels), 1, -1), patches], dim=1)  # (B, 1 + N, D)
        x = x + self.position_embedding(torch.arange(x.shape[1], device=x.device))
        return run_layers(self.layers, self.pre_layernorm(x), output_hidden_states, output_attentions)


class TextTower(nn.Module):
    """A causal transformer over CLIP's tokens."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.layers = nn.ModuleList(EncoderLayer(config, is_causal=True) for _ in range(config.num_hidden_layers))

    def forward(
        self, ids: Tensor, *, output_hidden_states: bool = False, output_attentions: bool = False
    ) -> TransformerOutput:
        """(B, T) -> (B, T, D)."""
        x = self.token_embedding(ids) + self.position_embedding(torch.arange(ids.shape[1], device=ids.device))
        return run_layers(self.layers, x, output_hidden_states, output_attentions)


class EncoderLayer(nn.Module):
    """x += Wo attention(norm(x)); x += W2 activation(W1 norm(x))."""

    def __init__(self, config: ClipTowerConfig, is_causal: bool) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_heads, self.is_causal = config.num_attention_heads, is_causal
        self.activation = ACTIVATIONS[config.hidden_act]
        self.attention_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.qkv_proj = Linear(width, 3 * width)
        self.out_proj = Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.fc1 = Linear(width, config.intermediate_size)
        self.fc2 = Linear(config.intermediate_size, width)

    def forward(self, x: Tensor, output_attentions: bool = False) -> tuple[Tensor, Tensor | None]:
        """(B, T, D) -> (B, T, D), and the attention weights (B, H, T, T) if they are asked for."""
        qkv = self.qkv_proj(self.attention_norm(x)).view(*x.shape[:2], 3, self.num_heads, -1)  # (B, T, 3, H, Dh)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, Dh) each
        x = x + self.out_proj(attention(q, k, v, is_causal=self.is_causal))
        x = x + self.fc2(self.activation(self.fc1(self.mlp_norm(x))))
        return x, attention_weights(q, k, is_causal=self.is_causal) if output_attentions else None


def run_layers(
    layers: nn.ModuleList, x: Tensor, output_hidden_states: bool, output_attentions: bool
) -> TransformerOutput:
    """Embeddings x (B, T, D) through all layers, whose outputs are kept if they are asked for."""
    hidden_states, attentions = [x], []
    for layer in layers:
        x, weights = layer(x, output_attentions)
        if output_hidden_states:
            hidden_states.append(x)
        if output_attentions:
            attentions.append(weights)
    return TransformerOutput(x, tuple(hidden_states) if output_hidden_states else (), tuple(attentions))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"quick_gelu": quick_gelu, "gelu": gelu}
