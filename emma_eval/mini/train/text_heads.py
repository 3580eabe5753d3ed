"""What the text tower must know of a question at the positions after its end, as an auxiliary loss.

EMMA's alignment gives each text position a fixed weight, but questions differ in length: only the padding, which sees
all of the question before it, is at the same place in each. A real CLIP has read hundreds of millions of captions; for
a small one the loss says what is worth knowing: which words occur, and which colours and shapes in what order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from emma_eval.mini.train.images import ALL_COLORS, ALL_SHAPES
from emma_eval.models.clip.text_tokenizer import tokenize_instruction

MENTIONS = 2  # colours and shapes each that a question names
POSITIONS = 3  # of the padding, drawn for each batch
WORD_WEIGHT = 10.0  # the mean over all words is small, as most do not occur


class QuestionHeads(nn.Module):
    """Linear heads on the text tower's penultimate states at some padded positions."""

    words: Tensor  # (n,) the ids of words

    def __init__(self, width: int, used_ids: Tensor) -> None:
        """`used_ids` (n,) are the ids that occur in the world's texts."""
        super().__init__()
        self.register_buffer("words", used_ids[(used_ids > 0) & (used_ids < 49406)], persistent=False)
        self.occurs = nn.Linear(width, len(self.words))
        self.named = nn.ModuleDict()
        for trait, values in (("color", ALL_COLORS), ("shape", ALL_SHAPES)):
            table = torch.full((49408,), 0)  # id -> 1 + index of the value; 0: another word
            for index, value in enumerate(values):
                table[tokenize_instruction(value)[1]] = index + 1
            self.register_buffer(f"{trait}_of", table, persistent=False)
            for mention in range(MENTIONS):
                self.named[f"{trait}{mention}"] = nn.Linear(width, len(values) + 1)

    def forward(self, states: Tensor, ids: Tensor) -> Tensor:
        """States (B, 77, D) and ids (B, 77) -> the loss, at positions that are padding in every row."""
        longest = int(ids.ne(0).sum(1).max())
        chosen = states[:, torch.randint(longest, ids.shape[1], (POSITIONS,))]  # (B, P, D)
        occurs = (ids[:, :, None] == self.words).any(1).float()  # (B, n)
        logits = self.occurs(chosen)
        loss = WORD_WEIGHT * binary_cross_entropy_with_logits(logits, occurs[:, None].expand_as(logits))
        for trait in ("color", "shape"):
            for mention, target in enumerate(self._mentions(ids, trait)):
                logits = self.named[f"{trait}{mention}"](chosen)
                loss = loss + cross_entropy(logits.flatten(0, 1), target.repeat_interleave(POSITIONS))
        return loss

    def _mentions(self, ids: Tensor, trait: str) -> list[Tensor]:
        """The first MENTIONS values that each row names, (B,) each; 0 where there is none."""
        values = getattr(self, f"{trait}_of")[ids]  # (B, 77)
        rank = values.ne(0).cumsum(1) * values.ne(0)
        return [(values * (rank == mention + 1)).sum(1) for mention in range(MENTIONS)]
