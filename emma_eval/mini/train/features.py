"""Features of the frozen CLIP towers, computed once for all later stages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPModel

from emma_eval.mini.train.images import normalised
from emma_eval.models.clip.text_tokenizer import tokenize_instruction

CHUNK = 256


@torch.inference_mode()
def encode_images(clip: CLIPModel, pixels: Sequence[np.ndarray]) -> Tensor:
    """Images (96, 96, 3) uint8 -> (B, 1 + N, Dv) float16: penultimate hidden states, class token first."""
    chunks = []
    for start in range(0, len(pixels), CHUNK):
        states = clip.vision_model(normalised(pixels[start : start + CHUNK]), output_hidden_states=True).hidden_states
        chunks.append(states[-2].half())
    return torch.cat(chunks)


class TextFeatureCache:
    """The text features of every instruction so far, (77, Dt) float16 each."""

    def __init__(self, clip: CLIPModel) -> None:
        self.clip = clip
        self.features: dict[str, Tensor] = {}

    @torch.inference_mode()
    def __call__(self, instructions: Sequence[str]) -> Tensor:
        """Instructions -> (B, 77, Dt) float32: penultimate hidden states, padding included."""
        new = [text for text in dict.fromkeys(instructions) if text not in self.features]
        if new:
            ids = torch.tensor([tokenize_instruction(text) for text in new])
            states = self.clip.text_model(ids, output_hidden_states=True).hidden_states[-2].half()
            self.features.update(zip(new, states, strict=True))
        return torch.stack([self.features[text] for text in instructions]).float()
