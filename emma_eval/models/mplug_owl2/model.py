"""mPLUG-Owl2 as an nn.Module: vision model, visual abstractor, LLaMA that adapts to modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from emma_eval.models.llama.model import Llama
from emma_eval.models.mplug_owl2.abstractor import Abstractor
from emma_eval.models.mplug_owl2.config import MPlugOwl2Config
from emma_eval.models.mplug_owl2.vision import VisionModel
from emma_eval.models.multimodal.plain import forward_prompt
from emma_eval.models.ops.outputs import TransformerOutput


class MPlugOwl2Model(nn.Module):
    """The architecture; a MultimodalModel. All of it is in one floating-point type on one device.

    B images, N patches of width Dv, M = Q + 1 tokens an image of width D.
    """

    def __init__(self, config: MPlugOwl2Config, vision: VisionModel, abstractor: Abstractor, llama: Llama) -> None:
        super().__init__()
        self.config = config
        self.vision, self.abstractor, self.llama = vision, abstractor, llama

    @property
    def num_image_tokens(self) -> int:
        """M: how many embeddings an image has."""
        return self.config.abstractor.num_learnable_queries + 1

    def vision_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> (B, 1 + N, Dv), class token first."""
        return cast(Tensor, self.vision(pixels.to(self.llama.device, self.llama.dtype)))

    def abstract(self, features: Tensor) -> Tensor:
        """Features (B, 1 + N, Dv) -> embeddings for LLaMA (B, M, D)."""
        return cast(Tensor, self.abstractor(features))

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> embeddings for LLaMA (B, M, D), which no instruction changes."""
        return self.abstract(self.vision_features(pixels))

    def encode_instructions(self, ids: Tensor) -> Tensor:
        """It reads none."""
        raise AssertionError("mPLUG-Owl2 has no text encoder")

    def embed_images(self, images: Tensor, instructions: Tensor | None) -> Tensor:
        """The embeddings of `encode_images`, as they are."""
        return images

    def forward(
        self,
        input_ids: Tensor,
        pixels: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> tuple[Tensor, TransformerOutput]:
        """One prompt, computed plainly (see `forward_prompt`): logits (1, L, V), and LLaMA's output.

        `input_ids` is (K,) with IMAGE_ID at each image, `pixels` (I, 3, S, S) the images in that order.
        """
        images: Sequence[Tensor] = () if pixels is None else self.encode_images(pixels).unbind()
        return forward_prompt(
            self.llama,
            input_ids,
            images,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
