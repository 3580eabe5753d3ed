"""mPLUG-Owl2's modality-adaptive module for training: norms, keys and values that exist twice.

The names of the parameters are those of the official checkpoints (`multiway.0` text, `multiway.1` images). In a
training batch the image stands at the same place in every row, so that one span tells the modalities apart.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM


@dataclass
class Span:
    """Where the image's tokens stand in all rows of the batch at hand; length 0 without one."""

    start: int = 0
    length: int = 0


class Multiway(nn.Module):
    """Two copies of a module; the tokens of the span go through the second."""

    def __init__(self, module: nn.Module, span: Span) -> None:
        super().__init__()
        self.multiway = nn.ModuleList([module, deepcopy(module)])
        self.span = span

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D')."""
        text, image = self.multiway
        start, length = self.span.start, self.span.length
        if not length:
            out: Tensor = text(x)
            return out
        around = text(torch.cat([x[:, :start], x[:, start + length :]], dim=1))  # one product for both
        return torch.cat([around[:, :start], image(x[:, start : start + length]), around[:, start:]], dim=1)


def adapt_to_modality(llama: LlamaForCausalLM) -> Span:
    """Double the modules in place, both copies alike, as mPLUG-Owl2 starts from LLaMA. Returns the span they obey."""
    span = Span()
    for layer in llama.model.layers:
        layer.input_layernorm = Multiway(layer.input_layernorm, span)
        layer.post_attention_layernorm = Multiway(layer.post_attention_layernorm, span)
        layer.self_attn.k_proj = Multiway(layer.self_attn.k_proj, span)
        layer.self_attn.v_proj = Multiway(layer.self_attn.v_proj, span)
    return span
