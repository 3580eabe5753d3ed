"""Greedy decoding of a batch of prompt trees: a prefill, then one forward pass a token.

A row of the batch is a tree, padded on the right. Every token knows its own position and sees its own way to the root
alone, so its numbers do not depend on its companions. The answers of one row grow side by side in that row.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from emma_eval.models.llama.attention_mask import Layout, as_mask, numbers_within
from emma_eval.models.llama.cuda_graphs import Steps
from emma_eval.models.llama.kv_cache import KeyValues, Layers
from emma_eval.models.llama.model import Llama, Reading
from emma_eval.models.llama.prefix_trie import Tree
from emma_eval.types import FinishReason

ROOM = 8  # slots that a row has for answers at first; a quarter of all is added whenever they are used up
CAUSAL_ON = ("cuda",)  # where the fastest attention is causal and takes no mask


@dataclass
class State:
    """What a batch has read. P answers are open; those of one row grow side by side."""

    memory: KeyValues
    rows: NDArray[np.int64]  # (P,) ascending: the row of the batch that an open answer is in
    seen: Tensor  # (P, K) bool: the slots on its way to the root
    lengths: Tensor  # (P,) tokens on that way: the next one's position
    steps: Steps | None = None  # recorded ones, on CUDA

    def keep(self, answers: Sequence[int]) -> None:
        """Drop the other answers. Rows without an open one leave the batch once they are half of it."""
        index = torch.tensor(answers, device=self.seen.device)
        self.rows, self.seen, self.lengths = self.rows[list(answers)], self.seen[index], self.lengths[index]
        left, renumbered = np.unique(self.rows, return_inverse=True)
        if 2 * len(left) <= self.memory.rows:
            self.memory.keep(left.tolist())
            self.rows = renumbered

    def make_room(self, slots: int) -> None:
        """See to it that so many slots are free."""
        memory = self.memory
        if memory.filled + slots > memory.slots:
            memory.grow(memory.slots + max(2 * slots, memory.slots // 4))
            self.seen = pad(self.seen, (0, memory.slots - self.seen.shape[1]))


def prefill(
    llama: Llama, memory: KeyValues, trees: Sequence[Tree], embeds: Sequence[Tensor], prefix: Layers = ()
) -> tuple[Tensor, State]:
    """Read trees, whose slots hold `embeds` (size, D) each: the logits (P, V) after each prompt, and the state.

    `prefix` is what was read before of the beginning that trees with a `start` share; the others do not see it.
    """
    device = embeds[0].device
    layout = Layout(trees, prefix[0][0].shape[2] if prefix else 0)
    rows, slots, positions = layout.rows(), layout.ends(), layout.positions()
    columns = numbers_within(rows)
    memory.open(len(trees), layout.start + layout.length + ROOM, prefix)
    memory.extend(layout.length)
    memory.clear(memory.filled)
    ends = np.zeros((len(trees), columns.max() + 1), np.int64)  # (B, Q); nobody looks at what a row has too many
    ends[rows, columns] = slots
    at_ends = torch.from_numpy(ends).to(device)
    seen_at_ends = layout.seen(at_ends)
    causal = layout.straight and device.type in CAUSAL_ON
    every = torch.arange(layout.length, device=device).expand(len(trees), -1)
    reading = Reading(
        embeds=pad_sequence(list(embeds), batch_first=True),
        positions=torch.from_numpy(positions).to(device),
        mask=None if causal else as_mask(layout.seen(every), llama.dtype),
        ends=at_ends,
        mask_of_ends=as_mask(seen_at_ends, llama.dtype),
    )
    hidden = llama(reading, memory)
    place = torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)
    state = State(
        memory=memory,
        rows=rows,
        seen=pad(seen_at_ends[place], (0, memory.slots - memory.filled)),
        lengths=torch.from_numpy(positions[rows, slots] + 1).to(device),
    )
    return cast(Tensor, llama.lm_head(hidden[place])), state


def step(llama: Llama, state: State, tokens: Tensor) -> Tensor:
    """Read one more token an open answer, (P,): the logits (P, V) of the next.

    A row with fewer open answers than the fullest one is filled up with tokens that nobody looks at.
    """
    rows, memory, device = state.rows, state.memory, tokens.device
    columns = numbers_within(rows)
    width = int(columns.max()) + 1
    state.make_room(width)
    slots = slice(memory.filled, memory.filled + width)
    place = torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)
    state.seen[:, slots] |= torch.eye(width, dtype=torch.bool, device=device)[place[1]]

    batch = tokens.new_zeros(memory.rows, width)
    batch[place] = tokens
    positions = tokens.new_zeros(memory.rows, width)
    positions[place] = state.lengths
    seen = state.seen.new_zeros(memory.rows, width, memory.slots)
    seen[:, :, slots] = torch.eye(width, dtype=torch.bool, device=device)
    seen[place] = state.seen
    state.lengths = state.lengths + 1
    mask = as_mask(seen, llama.dtype)
    hidden = state.steps.hidden(batch, positions, mask) if state.steps else None
    if hidden is None:
        memory.extend(width)
        hidden = llama(Reading(llama.embed(batch), positions, mask[..., : memory.filled]), memory)
    return cast(Tensor, llama.lm_head(hidden[place]))


class Continuation(NamedTuple):
    """New ids, and why there are no more: `error` where the logits after them were not finite."""

    ids: list[int]
    finish_reason: FinishReason


def greedy(llama: Llama, logits: Tensor, state: State, limits: Sequence[int], eos: Set[int]) -> list[Continuation]:
    """The likeliest continuations: from prefill's logits and state, new ids up to each limit or the first end id.

    Logits that are not finite end an answer: their likeliest id means nothing.
    """
    answers: list[list[int]] = [[] for _ in limits]
    reasons: list[FinishReason | None] = [None] * len(limits)
    open_ = list(range(len(limits)))  # the answers that `state` still holds
    while True:
        tokens, broken = likeliest(logits)
        for answer, token, wrong in zip(open_, *torch.stack([tokens, broken]).tolist(), strict=True):  # one transfer
            if not wrong:
                answers[answer].append(token)
            reasons[answer] = "error" if wrong else _ended(answers[answer], limits[answer], eos)
        left = [i for i, answer in enumerate(open_) if reasons[answer] is None]
        if not left:
            return [Continuation(ids, reason or "length") for ids, reason in zip(answers, reasons, strict=True)]
        if len(left) < len(open_):
            state.keep(left)
            tokens, open_ = tokens[left], [open_[i] for i in left]
        logits = step(llama, state, tokens)


def likeliest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of logits (P, V) the likeliest ids (P,), and for each 1 where one of its logits is not finite, else 0.

    A sum is finite where all are: a NaN stays, and infinities do not cancel out. Nothing here waits for a device.
    """
    tokens, total = logits.argmax(dim=-1), logits.sum(dim=-1, dtype=torch.float32)
    return tokens, (total - total).ne(0).to(tokens.dtype)  # infinity less itself is NaN, and unlike 0


def _ended(ids: Sequence[int], limit: int, eos: Set[int]) -> FinishReason | None:
    return "stop" if ids[-1] in eos else "length" if len(ids) >= limit else None
