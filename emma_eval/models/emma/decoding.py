"""Greedy decoding of a batch of different prompts with transformers' LLaMA: a prefill, then one step a token.

Prompts are padded on the left. A row's own positions and mask make its numbers independent of its companions; a row
leaves the batch as soon as its answer ends.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, LlamaForCausalLM


@dataclass
class State:
    """What a batch has read so far: keys and values, which of them are padding, and each row's length."""

    cache: DynamicCache
    valid: Tensor  # (B, K) bool: False on padding
    lengths: Tensor  # (B,) tokens read, padding not counted: the next token's position

    def keep(self, rows: Sequence[int]) -> None:
        """Drop the other rows."""
        index = torch.tensor(rows, device=self.valid.device)
        self.cache.batch_select_indices(index)
        self.valid, self.lengths = self.valid[index], self.lengths[index]


def prefill(llama: LlamaForCausalLM, prompts: Sequence[Tensor]) -> tuple[Tensor, State]:
    """Read the prompts' embeddings, each (L, D): the logits (B, V) of what follows, and the state to go on with."""
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=prompts[0].device)
    embeds = pad_sequence(list(prompts), batch_first=True, padding_side="left")  # (B, L, D)
    longest = embeds.shape[1]
    steps = torch.arange(longest, device=embeds.device)
    valid = steps >= (longest - lengths)[:, None]  # (B, L)
    positions = (steps - (longest - lengths)[:, None]).clamp(min=0)
    mask = None
    if not bool(valid.all()):
        causal = steps[:, None] >= steps  # (L, L)
        itself = steps[:, None] == steps  # a padding row must see something, or its softmax is 0 / 0
        mask = ((causal & valid[:, None]) | itself)[:, None]  # (B, 1, L, L)
    state = State(DynamicCache(), valid, lengths)
    return _logits(llama, embeds, positions, mask, state.cache), state


def step(llama: LlamaForCausalLM, state: State, tokens: Tensor) -> Tensor:
    """Read one more token a row, (B,): the logits (B, V) of the next."""
    state.valid = torch.cat([state.valid, state.valid.new_ones(len(tokens), 1)], dim=1)
    mask = None if bool(state.valid.all()) else state.valid[:, None, None]  # (B, 1, 1, K)
    embeds = llama.get_input_embeddings()(tokens)[:, None]  # (B, 1, D)
    logits = _logits(llama, embeds, state.lengths[:, None], mask, state.cache)
    state.lengths = state.lengths + 1
    return logits


def greedy(llama: LlamaForCausalLM, prompts: Sequence[Tensor], limits: Sequence[int], eos: Set[int]) -> list[list[int]]:
    """The likeliest continuation of each prompt, (L, D) embeddings: new ids up to its limit or its first end id."""
    answers: list[list[int]] = [[] for _ in prompts]
    rows = list(range(len(prompts)))  # which prompt each row of the batch belongs to
    logits, state = prefill(llama, prompts)
    while True:
        tokens = logits.argmax(dim=-1)
        for row, token in zip(rows, tokens.tolist(), strict=True):
            answers[row].append(token)
        open_ = [i for i, row in enumerate(rows) if answers[row][-1] not in eos and len(answers[row]) < limits[row]]
        if not open_:
            return answers
        if len(open_) < len(rows):
            state.keep(open_)
            tokens, rows = tokens[open_], [rows[i] for i in open_]
        logits = step(llama, state, tokens)


def _logits(
    llama: LlamaForCausalLM, embeds: Tensor, positions: Tensor, mask: Tensor | None, cache: DynamicCache
) -> Tensor:
    output: Any = llama.model(
        inputs_embeds=embeds, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
    )
    return cast(Tensor, llama.lm_head(output.last_hidden_state[:, -1]))
