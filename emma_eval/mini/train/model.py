"""The part of EMMA that learns in stages 1 and 2: alignment, projector and LLaMA, behind frozen towers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from emma_eval.mini.train.images import ACROSS
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.llama.prefix_trie import IMAGE_ID

VISUAL_TOKENS = ACROSS * ACROSS
TEXT_TOKENS = 77
IGNORE = -100
PADDING = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts cut at the image; `before` is the same for all of them."""

    before: Tensor  # (P,) ids
    after: Tensor  # (B, L) ids, the answer and the end id included, padded on the right
    labels: Tensor  # (B, L): `after` where the answer stands, IGNORE elsewhere
    vision: Tensor | None = None  # (B, 36, Dv), None for questions without an image
    text: Tensor | None = None  # (B, 77, Dt), None where there is no alignment


class Student(nn.Module):
    """Alignment (None for LLaVA), projector and language model."""

    def __init__(self, vocabulary: int, vision_width: int, text_width: int, aligned: bool) -> None:
        super().__init__()
        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=5,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=512,
            rms_norm_eps=1e-5,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            attn_implementation="eager",  # the fused kernel's backward pass is many times slower on a CPU
        )
        self.llama = LlamaForCausalLM(config)
        self.projector = build_projector("mlp2x_gelu", vision_width, config.hidden_size)
        self.alignment = Alignment(VISUAL_TOKENS, TEXT_TOKENS, vision_width, text_width, "v1") if aligned else None

    def loss(self, batch: Batch, every_token: bool = False) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of the answers' tokens, and (B,) whether greedy decoding would get each answer right.

        With `every_token` the prompts' tokens behind the image count as well.
        """
        hidden = self.read(batch)
        wanted = batch.labels != IGNORE
        logits = self.llama.lm_head(hidden[wanted]).float()
        right = torch.ones_like(wanted)
        right[wanted] = logits.argmax(-1) == batch.labels[wanted]
        loss = cross_entropy(logits, batch.labels[wanted])
        if every_token:
            loss = loss + cross_entropy(self.llama.lm_head(hidden).float().mT, batch.after, ignore_index=PADDING)
        return loss, right.all(dim=1)

    def read(self, batch: Batch) -> Tensor:
        """The last hidden states (B, L, D) that foretell `after`: position i has read all before after[:, i]."""
        embed = self.llama.get_input_embeddings()
        parts = [embed(batch.before).expand(len(batch.after), -1, -1)]
        if batch.vision is not None:
            parts.append(self.see(batch.vision, batch.text))
        parts.append(embed(batch.after[:, :-1]))
        inputs = torch.cat([part.float() for part in parts], dim=1)
        hidden: Tensor = self.llama.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        return hidden[:, -batch.after.shape[1] :]

    def see(self, vision: Tensor, text: Tensor | None) -> Tensor:
        """V (B, 36, Dv) and X (B, 77, Dt) -> what the language model reads, (B, 36, D)."""
        if self.alignment is not None and text is not None:
            vision = self.alignment(vision, self.alignment.project_text(text))
        rows: Tensor = self.projector(vision)
        return rows


def split_ids(prompt: Sequence[int], answer: Sequence[int], end: int) -> tuple[list[int], list[int], list[int]]:
    """Ids before the image, ids after it with the answer, and the labels of the latter.

    Without an image all but the first id (BOS) stand `after`.
    """
    cut = prompt.index(IMAGE_ID) if IMAGE_ID in prompt else 1
    rest = list(prompt[cut + 1 :]) if IMAGE_ID in prompt else list(prompt[1:])
    said = [*answer, end]
    return list(prompt[:cut]), rest + said, [IGNORE] * len(rest) + said


def pad(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """Rows of ids -> (B, L), filled on the right."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])
