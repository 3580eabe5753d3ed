"""One prompt computed plainly, without trie and cache: what analyses and tests look into, with all hidden states."""

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
    """Logits (1, L, V) and LLaMA's output for `input_ids` (K,); the next of `images` (N, D) goes to each IMAGE_ID.

    L counts ids and the images' tokens; nothing is truncated.
    """
    rows = iter(images)
    is_image_id = input_ids == IMAGE_ID
    tokens = llama.embed_tokens(input_ids.masked_fill(is_image_id, 0)).split(1)  # (1, D) each
    parts = [next(rows) if image else token for image, token in zip(is_image_id.tolist(), tokens, strict=True)]
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
