"""The forward pass of one prompt as a paper writes it, without prefix trie and KV cache, for analyses and tests.

Unlike the engine's pass it can return hidden states and attention weights of every position.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from emma_eval.models.llama.attention_mask import window_mask
from emma_eval.models.llama.modality import Modalities
from emma_eval.models.llama.model import ForwardInputs, Llama
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.ops.outputs import TransformerOutput


def forward_prompt(
    llama: Llama,
    input_ids: Tensor,
    images: Iterable[Tensor],
    *,
    output_hidden_states: bool = False,
    output_attentions: bool = False,
) -> tuple[Tensor, TransformerOutput]:
    """Logits (1, L, V) and LLaMA's output for `input_ids` (K,), in which each IMAGE_ID stands for the next of `images`.

    `images` are embeddings (N, D), as `embed_images` returns them. L is the prompt's length with all of their tokens;
    nothing is truncated.
    """
    next_image = iter(images)
    is_image_id = input_ids == IMAGE_ID
    tokens = llama.embed_tokens(input_ids.masked_fill(is_image_id, 0)).split(1)  # (1, D) each; IMAGE_ID is no token
    parts = [next(next_image) if image else token for image, token in zip(is_image_id.tolist(), tokens, strict=True)]
    embeds = torch.cat(parts)[None]  # (1, L, D)
    positions = torch.arange(embeds.shape[1], device=embeds.device)[None]  # (1, L)
    modalities = None
    if llama.config.adapts_to_modality:
        lengths = torch.tensor([len(part) for part in parts])
        modalities = Modalities.of(is_image_id.cpu().repeat_interleave(lengths)[None].numpy(), embeds.device)
    window = llama.sliding_window
    mask = None if window is None else window_mask(positions, window, llama.dtype)
    output: TransformerOutput = llama(
        ForwardInputs(embeds, positions, mask, modalities=modalities),
        output_hidden_states=output_hidden_states,
        output_attentions=output_attentions,
    )
    return llama.lm_head(output.last_hidden_state), output
