"""The trainable part of each model in stages 1 and 2: connector and LLaMA, on features of the frozen towers.

The connector is EMMA's alignment and LLaVA's projector, the projector alone, or mPLUG-Owl2's abstractor, whose language
model adapts to modalities (train/modality.py). All have the same number of layers, width and steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from emma_eval.mini.train.images import NUM_PATCHES, PATCHES_PER_SIDE
from emma_eval.mini.train.modality import Span, adapt_to_modality
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.mplug_owl2.abstractor import Abstractor, AbstractorLayer, key_positions, query_positions
from emma_eval.models.mplug_owl2.config import AbstractorConfig

TEXT_TOKENS = 77
IGNORE = -100
PADDING = 0

Kind = Literal["emma", "llava", "owl2"]


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Prompts split at the image; `before` is the same for all of them."""

    before: Tensor  # (P,) ids
    after: Tensor  # (B, L) ids, answer and end id included, padded on the right
    labels: Tensor  # (B, L): `after` where the answer stands, IGNORE elsewhere
    vision: Tensor | None = None  # (B, 1 + N, Dv), class token first; None for questions without an image
    text: Tensor | None = None  # (B, 77, Dt), None where there is no alignment


def new_language_model(vocabulary: int) -> LlamaForCausalLM:
    """LLaMA, untrained. Shallow, so that it matters what the connector has worked out before."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        attn_implementation="eager",  # the fused kernel's backward pass is many times slower on a CPU
    )
    return LlamaForCausalLM(config)


class TrainableVLM(nn.Module):
    """A connector and a language model, which it takes over."""

    def __init__(self, kind: Kind, llama: LlamaForCausalLM, vision_width: int, text_width: int) -> None:
        super().__init__()
        width = llama.config.hidden_size
        self.kind, self.llama = kind, llama
        self.span: Span | None = None
        self.alignment = Alignment(NUM_PATCHES, TEXT_TOKENS, vision_width, text_width, "v1") if kind == "emma" else None
        if kind == "owl2":
            self.span = adapt_to_modality(llama)
            self.post_layernorm = nn.LayerNorm(vision_width)  # of the vision model, which the others do not have
            self.projector: nn.Module = new_abstractor(abstractor_config(vision_width), width)
        else:
            self.projector = build_projector("mlp2x_gelu", vision_width, width)

    @property
    def family(self) -> str:
        """Whose prompts it reads."""
        return "mplug_owl2" if self.kind == "owl2" else "emma"

    def loss(self, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """(loss, (B,) bool) of `answer_loss`, on a batch with or without images."""
        return answer_loss(self.llama, self.hidden_states(batch), batch)

    def hidden_states(self, batch: TrainingBatch) -> Tensor:
        """Last hidden states (B, L, D) that predict `after`."""
        embed = self.llama.get_input_embeddings()
        parts = [embed(batch.before).expand(len(batch.after), -1, -1)]
        if batch.vision is not None:
            parts.append(self.visual_tokens(batch.vision, batch.text))
        if self.span is not None:
            self.span.start = len(batch.before)
            self.span.length = parts[-1].shape[1] if batch.vision is not None else 0
        return hidden_states(self.llama, parts, batch)

    def visual_tokens(self, vision: Tensor, text: Tensor | None) -> Tensor:
        """Image features (B, 1 + N, Dv), class token first, and text (B, 77, Dt) -> visual tokens (B, N', D)."""
        features = self.post_layernorm(vision) if self.kind == "owl2" else vision[:, 1:]
        if self.alignment is not None and text is not None:
            features = self.alignment(features, self.alignment.project_text(text))
        tokens: Tensor = self.projector(features)
        return tokens


def abstractor_config(width: int) -> AbstractorConfig:
    """As many queries as there are patches."""
    return AbstractorConfig(
        hidden_size=width,
        encoder_hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_learnable_queries=NUM_PATCHES,
        grid_size=PATCHES_PER_SIDE,
    )


def new_abstractor(config: AbstractorConfig, hidden_size: int) -> Abstractor:
    """mPLUG-Owl2's abstractor, untrained."""
    abstractor = Abstractor(config, NUM_PATCHES + 1, hidden_size)
    nn.init.normal_(abstractor.queries, std=0.02)
    for layer in abstractor.layers:
        assert isinstance(layer, AbstractorLayer)
        layer.query_positions.copy_(query_positions(config.num_learnable_queries, config.hidden_size))
        layer.key_positions.copy_(key_positions(config.grid_size, config.hidden_size))
    return abstractor


def hidden_states(llama: LlamaForCausalLM, parts: Sequence[Tensor], batch: TrainingBatch) -> Tensor:
    """Last hidden states (B, L, D) that predict `after`: position i sees all before it, `parts` first."""
    after = llama.get_input_embeddings()(batch.after[:, :-1])
    inputs = torch.cat([part.float() for part in (*parts, after)], dim=1)
    hidden: Tensor = llama.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
    return hidden[:, -batch.after.shape[1] :]


def answer_loss(llama: LlamaForCausalLM, hidden: Tensor, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the answers' tokens, and (B,) bool, whether greedy decoding gives each answer exactly."""
    is_answer = batch.labels != IGNORE
    logits = llama.lm_head(hidden[is_answer]).float()
    correct = torch.ones_like(is_answer)
    correct[is_answer] = logits.argmax(-1) == batch.labels[is_answer]
    return cross_entropy(logits, batch.labels[is_answer]), correct.all(dim=1)


def text_loss(llama: LlamaForCausalLM, batch: TrainingBatch, every_token: bool) -> tuple[Tensor, Tensor]:
    """The same for the language model alone; with `every_token` the loss includes the prompts' tokens."""
    before = llama.get_input_embeddings()(batch.before).expand(len(batch.after), -1, -1)
    hidden = hidden_states(llama, [before], batch)
    loss, correct = answer_loss(llama, hidden, batch)
    if every_token:
        loss = loss + cross_entropy(llama.lm_head(hidden).float().mT, batch.after, ignore_index=PADDING)
    return loss, correct


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
