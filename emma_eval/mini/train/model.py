"""The trainable part of EMMA in stages 1 and 2: alignment, projector and LLaMA, on features of the frozen towers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from emma_eval.mini.train.images import NUM_PATCHES
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.llama.prefix_trie import IMAGE_ID

TEXT_TOKENS = 77
IGNORE = -100
PADDING = 0


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Prompts split at the image; `before` is the same for all of them."""

    before: Tensor  # (P,) ids
    after: Tensor  # (B, L) ids, answer and end id included, padded on the right
    labels: Tensor  # (B, L): `after` where the answer stands, IGNORE elsewhere
    vision: Tensor | None = None  # (B, 36, Dv), None for questions without an image
    text: Tensor | None = None  # (B, 77, Dt), None where there is no alignment


class TrainableVLM(nn.Module):
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
        self.alignment = Alignment(NUM_PATCHES, TEXT_TOKENS, vision_width, text_width, "v1") if aligned else None

    def loss(self, batch: TrainingBatch, every_token: bool = False) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of the answers' tokens, and (B,) bool, whether greedy decoding gives each answer exactly.

        With `every_token` the loss includes the prompts' tokens after the image.
        """
        hidden = self.hidden_states(batch)
        is_answer = batch.labels != IGNORE
        logits = self.llama.lm_head(hidden[is_answer]).float()
        correct = torch.ones_like(is_answer)
        correct[is_answer] = logits.argmax(-1) == batch.labels[is_answer]
        loss = cross_entropy(logits, batch.labels[is_answer])
        if every_token:
            loss = loss + cross_entropy(self.llama.lm_head(hidden).float().mT, batch.after, ignore_index=PADDING)
        return loss, correct.all(dim=1)

    def hidden_states(self, batch: TrainingBatch) -> Tensor:
        """Last hidden states (B, L, D) that predict `after`: position i sees all tokens before after[:, i]."""
        embed = self.llama.get_input_embeddings()
        parts = [embed(batch.before).expand(len(batch.after), -1, -1)]
        if batch.vision is not None:
            parts.append(self.visual_tokens(batch.vision, batch.text))
        parts.append(embed(batch.after[:, :-1]))
        inputs = torch.cat([part.float() for part in parts], dim=1)
        hidden: Tensor = self.llama.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        return hidden[:, -batch.after.shape[1] :]

    def visual_tokens(self, vision: Tensor, text: Tensor | None) -> Tensor:
        """Image features (B, 36, Dv) and text features (B, 77, Dt) -> visual tokens of the LLM, (B, 36, D)."""
        if self.alignment is not None and text is not None:
            vision = self.alignment(vision, self.alignment.project_text(text))
        tokens: Tensor = self.projector(vision)
        return tokens


def split_ids(prompt: Sequence[int], answer: Sequence[int], end: int) -> tuple[list[int], list[int], list[int]]:
    """Split into the ids before the image and the ids after it with the answer; the third list labels the latter.

    Without an image all ids but the first (BOS) are in the second list.
    """
    cut = prompt.index(IMAGE_ID) if IMAGE_ID in prompt else 1
    rest = list(prompt[cut + 1 :]) if IMAGE_ID in prompt else list(prompt[1:])
    target = [*answer, end]
    return list(prompt[:cut]), rest + target, [IGNORE] * len(rest) + target


def pad(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """Rows of ids -> (B, L), padded on the right with `filler`."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])
