"""Greedy decoding of a batch of prompt trees with transformers' LLaMA: a prefill, then one forward pass a token.

A row of the batch is a tree, padded on the right. Every token knows its own position and sees its own way to the root
alone, so its numbers do not depend on its companions. The answers of one row grow side by side in that row.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaForCausalLM

from emma_eval.models.emma.captured import Steps
from emma_eval.models.emma.key_values import KeyValues, Layers
from emma_eval.models.emma.tree import Tree

ROOM = 8  # slots that a row has for answers at first; a quarter of all is added whenever they are used up


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
            self.memory.keep(torch.from_numpy(left).to(index.device), self.memory.slots)
            self.rows = renumbered

    def make_room(self, slots: int) -> None:
        """See to it that so many slots are free."""
        memory = self.memory
        if memory.filled + slots > memory.slots:
            every = torch.arange(memory.rows, device=self.seen.device)
            memory.keep(every, memory.slots + max(2 * slots, memory.slots // 4))
            self.seen = pad(self.seen, (0, memory.slots - self.seen.shape[1]))


def prefill(
    llama: LlamaForCausalLM, memory: KeyValues, trees: Sequence[Tree], embeds: Sequence[Tensor], prefix: Layers = ()
) -> tuple[Tensor, State]:
    """Read trees, whose slots hold `embeds` (size, D) each: the logits (P, V) after each prompt, and the state.

    `prefix` is what was read before of the beginning that trees with a `start` share; the others do not see it.
    """
    device = embeds[0].device
    longest = max(tree.size for tree in trees)
    start = prefix[0][0].shape[2] if prefix else 0
    positions = np.zeros((len(trees), longest), np.int64)
    seen = np.zeros((len(trees), longest, start + longest), bool)
    for row, tree in enumerate(trees):
        positions[row, : tree.size] = tree.positions()
        seen[row, : tree.size, : tree.start] = True
        seen[row, : tree.size, start : start + tree.size] = tree.ways()
        np.fill_diagonal(seen[row, tree.size :, start + tree.size :], True)  # who sees nothing has a softmax of 0 / 0
    memory.open(len(trees), start + longest + ROOM)
    if prefix:
        memory.put(prefix)
    batch = pad_sequence(list(embeds), batch_first=True)  # (B, L, D)
    straight = all(len(tree.branches) == 1 and tree.start == start for tree in trees)
    mask = None if straight and device.type == "cuda" else torch.from_numpy(seen).to(device)  # flash kernels take none
    hidden = _read(llama, memory, batch, torch.from_numpy(positions).to(device), mask)
    rows = np.repeat(np.arange(len(trees)), [len(tree.ends) for tree in trees])
    ends = np.concatenate([tree.ends for tree in trees])
    ways = torch.from_numpy(seen[rows, ends]).to(device)
    state = State(
        memory=memory,
        rows=rows,
        seen=pad(ways, (0, memory.slots - ways.shape[1])),
        lengths=torch.from_numpy(positions[rows, ends] + 1).to(device),
    )
    return _logits(llama, hidden, rows, ends), state


def step(llama: LlamaForCausalLM, state: State, tokens: Tensor) -> Tensor:
    """Read one more token an open answer, (P,): the logits (P, V) of the next.

    A row with fewer open answers than the fullest one is filled up with tokens that nobody looks at.
    """
    rows, memory, device = state.rows, state.memory, tokens.device
    columns = np.arange(len(rows)) - np.searchsorted(rows, rows)  # an answer's number within its row
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
    hidden = state.steps.hidden(batch, positions, _mask(seen, llama.dtype)) if state.steps else None
    if hidden is None:
        hidden = _read(llama, memory, llama.get_input_embeddings()(batch), positions, seen)
    return _logits(llama, hidden, *place)


def greedy(
    llama: LlamaForCausalLM, logits: Tensor, state: State, limits: Sequence[int], eos: Set[int]
) -> list[list[int]]:
    """The likeliest continuations: from prefill's logits and state, new ids up to each limit or the first end id."""
    answers: list[list[int]] = [[] for _ in limits]
    open_ = list(range(len(limits)))  # the answers that `state` still holds
    while True:
        tokens = logits.argmax(dim=-1)
        for answer, token in zip(open_, tokens.tolist(), strict=True):
            answers[answer].append(token)
        left = [i for i, a in enumerate(open_) if answers[a][-1] not in eos and len(answers[a]) < limits[a]]
        if not left:
            return answers
        if len(left) < len(open_):
            state.keep(left)
            tokens, open_ = tokens[left], [open_[i] for i in left]
        logits = step(llama, state, tokens)


def _read(llama: LlamaForCausalLM, memory: KeyValues, embeds: Tensor, positions: Tensor, seen: Tensor | None) -> Tensor:
    """The last hidden states (B, L, D) of embeds (B, L, D) at positions (B, L).

    `seen` (B, L, K) says what each token sees; None: all before it.
    """
    memory.extend(embeds.shape[1])
    output: Any = llama.model(
        inputs_embeds=embeds,
        attention_mask=None if seen is None else _mask(seen[:, :, : memory.filled], embeds.dtype)[:, None],
        position_ids=positions,
        past_key_values=memory,
        use_cache=True,
    )
    return cast(Tensor, output.last_hidden_state)


def _mask(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores: 0 for what is seen, else minus infinity."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf)


def _logits(llama: LlamaForCausalLM, hidden: Tensor, rows: Any, slots: Any) -> Tensor:
    return cast(Tensor, llama.lm_head(hidden[rows, slots]))
