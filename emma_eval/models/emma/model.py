"""EMMA as an nn.Module: CLIP's towers, alignment, projector, LLaMA. Plain LLaVA-1.5 has no text tower and no alignment.

Each stage is a method, so that tests and analyses read intermediate features without hooks. In the shapes below B is
the batch, N the visual tokens of width Dv, T the text tokens of width Dt, D the hidden size of LLaMA.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from emma_eval.models.clip.model import Towers
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.config import EmmaConfig
from emma_eval.models.llama.model import Llama
from emma_eval.models.multimodal.plain import forward_prompt
from emma_eval.models.ops.outputs import TransformerOutput


class EmmaModel(nn.Module):
    """The architecture of EMMA and LLaVA-1.5. All of it is in one floating-point type on one device."""

    def __init__(
        self, config: EmmaConfig, towers: Towers, alignment: Alignment | None, projector: nn.Module, llama: Llama
    ) -> None:
        """`alignment` is None for plain LLaVA."""
        super().__init__()
        self.config = config
        self.towers, self.alignment, self.projector, self.llama = towers, alignment, projector, llama

    @property
    def num_image_tokens(self) -> int:
        """N: how many embeddings an image has."""
        return self.towers.num_patches + self.config.llava.keeps_class_token

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> V (B, N, Dv): the selected layer of CLIP's vision tower, class token dropped."""
        features = self.towers.vision_features(pixels.to(self.llama.device, self.llama.dtype))
        return features if self.config.llava.keeps_class_token else features[:, 1:]

    def encode_text(self, ids: Tensor) -> Tensor:
        """Instruction ids (B, 77) -> X (B, T, Dt): the selected layer and positions of CLIP's text tower."""
        assert self.config.alignment is not None, "plain LLaVA has no text tower"
        return self.towers.text_features(ids.to(self.llama.device))[:, self.config.alignment.text_positions]

    def encode_instructions(self, ids: Tensor) -> Tensor:
        """Instruction ids (B, 77) -> E (B, T, Dv): X projected to the width of visual tokens."""
        assert self.alignment is not None, "plain LLaVA has no alignment"
        return self.alignment.project_text(self.encode_text(ids))

    def align(self, vision: Tensor, projected_text: Tensor | None) -> Tensor:
        """V (B, N, Dv) and E (B, T, Dv) -> aligned (B, N, Dv); V itself for plain LLaVA."""
        if self.alignment is None or projected_text is None:
            return vision
        return cast(Tensor, self.alignment(vision, projected_text))

    def project(self, aligned: Tensor) -> Tensor:
        """(B, N, Dv) -> embeddings for LLaMA (B, N, D)."""
        return cast(Tensor, self.projector(aligned))

    def embed_images(self, vision: Tensor, projected_text: Tensor | None) -> Tensor:
        """V (B, N, Dv), and E (B, T, Dv) for EMMA -> embeddings for LLaMA (B, N, D)."""
        return self.project(self.align(vision, projected_text))

    def forward(
        self,
        input_ids: Tensor,
        pixels: Tensor | None = None,
        instruction_ids: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> tuple[Tensor, TransformerOutput]:
        """One prompt, computed plainly (see `forward_prompt`): logits (1, L, V), and LLaMA's output.

        `input_ids` is (K,) with IMAGE_ID at each image, `pixels` (I, 3, S, S) the images in that order, and
        `instruction_ids` (77,) EMMA's instruction. L counts ids and visual tokens; nothing is truncated.
        """
        images: Sequence[Tensor] = ()
        if pixels is not None:
            text = None
            if instruction_ids is not None:
                text = self.encode_instructions(instruction_ids[None]).expand(len(pixels), -1, -1)  # (I, T, Dv)
            images = self.embed_images(self.encode_images(pixels), text).unbind()  # (N, D) each
        return forward_prompt(
            self.llama,
            input_ids,
            images,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
