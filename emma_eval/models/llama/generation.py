"""Greedy decoding of a batch of prefix tries: a prefill, then one forward pass a token.

A row of the batch is a trie, padded on the right. Every token has its own position and sees its own path to the root
alone, so its numbers do not depend on its companions. The answers of one row grow side by side behind its trie. Shapes:
B rows, P prompts (or open answers), Q of them in the fullest row, K slots, D the hidden size, V the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from emma_eval.models.llama.attention_mask import RowIndex, TrieBatch, additive_mask
from emma_eval.models.llama.cuda_graphs import DecodeGraphs
from emma_eval.models.llama.kv_cache import KVCache, LayerKV
from emma_eval.models.llama.modality import Modalities
from emma_eval.models.llama.model import ForwardInputs, Llama
from emma_eval.models.llama.prefix_trie import PrefixTrie
from emma_eval.types import FinishReason

DECODE_SLOTS = 8  # slots that a row has for answers at first; a quarter of all is added whenever they are used up
CAUSAL_DEVICES = ("cuda",)  # where attention without a mask is the faster one


@dataclass
class DecodeState:
    """A batch between two steps: P answers are open, those of one row side by side."""

    kv_cache: KVCache
    row_index: RowIndex  # the answers' places in a (B, Q) array
    visible: Tensor  # (P, K) bool: the slots on each answer's path to the root
    lengths: Tensor  # (P,) tokens on that path, which is the next token's position
    positions: Tensor | None = None  # (P, K) the positions of these slots; kept for a sliding window alone
    graphs: DecodeGraphs | None = None  # for the caller to set, on CUDA

    def select(self, answers: Sequence[int]) -> None:
        """Keep these answers. Rows without an open one leave the batch once they are half of it."""
        index = torch.tensor(answers, device=self.visible.device)
        self.visible, self.lengths = self.visible[index], self.lengths[index]
        self.positions = None if self.positions is None else self.positions[index]
        rows = self.row_index.rows[list(answers)]
        open_rows, renumbered = np.unique(rows, return_inverse=True)
        if 2 * len(open_rows) <= self.kv_cache.num_rows:
            self.kv_cache.select_rows(open_rows.tolist())
            rows = renumbered
        self.row_index = RowIndex(rows, self.kv_cache.num_rows, self.visible.device)

    def reserve(self, slots: int) -> None:
        """Make room for so many more slots."""
        cache = self.kv_cache
        if cache.length + slots > cache.num_slots:
            cache.grow(cache.num_slots + max(2 * slots, cache.num_slots // 4))
            self.visible = pad(self.visible, (0, cache.num_slots - self.visible.shape[1]))
            if self.positions is not None:
                self.positions = pad(self.positions, (0, cache.num_slots - self.positions.shape[1]))

    def slide_window(self, sliding_window: int, new_slots: slice) -> None:
        """Hide for good what the tokens that come into `new_slots` no longer see, W or more positions before them."""
        assert self.positions is not None
        self.positions[:, new_slots] = self.lengths[:, None]
        self.visible &= self.lengths[:, None] - self.positions < sliding_window


def prefill(
    llama: Llama, kv_cache: KVCache, tries: Sequence[PrefixTrie], embeds: Sequence[Tensor], prefix: LayerKV = ()
) -> tuple[Tensor, DecodeState]:
    """Compute tries, whose slots have the embeddings `embeds` (size, D) each: logits (P, V) and the state after it.

    The logits are of each prompt's first new token. `prefix` holds the keys and values of the tokens that tries with a
    `prefix_length` leave out; the other tries do not see them.
    """
    device = embeds[0].device
    batch = TrieBatch(tries, prefix[0][0].shape[2] if prefix else 0, llama.sliding_window)
    rows, last_slots, positions = batch.prompt_rows(), batch.last_slots(), batch.positions()
    row_index = RowIndex(rows, len(tries), device)

    kv_cache.allocate(len(tries), batch.prefix_length + batch.length + DECODE_SLOTS, prefix)
    kv_cache.advance(batch.length)
    kv_cache.zero_free_slots()

    last_positions = row_index.scatter(torch.from_numpy(last_slots).to(device))  # (B, Q)
    visible_at_end = batch.visibility(last_positions)  # (B, Q, K)
    mask = None
    if not (batch.is_causal and device.type in CAUSAL_DEVICES):
        every_slot = torch.arange(batch.length, device=device).expand(len(tries), -1)  # (B, L)
        mask = additive_mask(batch.visibility(every_slot), llama.dtype)
    modalities = last_modalities = None
    if llama.config.adapts_to_modality:
        is_image = batch.is_image()
        modalities = Modalities.of(is_image, device)
        last_modalities = Modalities.of(row_index.scatter_on_host(is_image[rows, last_slots]), device)
    inputs = ForwardInputs(
        embeds=pad_sequence(list(embeds), batch_first=True),
        positions=torch.from_numpy(positions).to(device),
        mask=mask,
        last_positions=last_positions,
        last_mask=additive_mask(visible_at_end, llama.dtype),
        modalities=modalities,
        last_modalities=last_modalities,
    )
    hidden = llama(inputs, kv_cache).last_hidden_state  # (B, Q, D)
    free_slots = (0, kv_cache.num_slots - kv_cache.length)
    state = DecodeState(
        kv_cache=kv_cache,
        row_index=row_index,
        visible=pad(row_index.gather(visible_at_end), free_slots),
        lengths=torch.from_numpy(positions[rows, last_slots] + 1).to(device),
    )
    if llama.sliding_window is not None:
        state.positions = pad(torch.from_numpy(batch.key_positions()[rows]).to(device), free_slots)
    return cast(Tensor, llama.lm_head(row_index.gather(hidden))), state


def decode_step(llama: Llama, state: DecodeState, tokens: Tensor) -> Tensor:
    """Compute one more token of every open answer, (P,): the logits (P, V) of the next.

    A row with fewer open answers than the fullest one is filled up with tokens whose results are not used.
    """
    cache, row_index = state.kv_cache, state.row_index
    width = row_index.width  # Q
    state.reserve(width)
    new_slots = slice(cache.length, cache.length + width)  # of a row: one for each of its columns
    itself = torch.eye(width, dtype=torch.bool, device=tokens.device)  # (Q, Q) column -> the slot that it fills
    state.visible[:, new_slots] |= itself[row_index.columns]
    if llama.sliding_window is not None:
        state.slide_window(llama.sliding_window, new_slots)

    batch = row_index.scatter(tokens)  # (B, Q)
    positions = row_index.scatter(state.lengths)  # (B, Q)
    visible = state.visible.new_zeros(cache.num_rows, width, cache.num_slots)  # (B, Q, K)
    visible[:, :, new_slots] = itself  # or what belongs to no answer would see nothing, and its softmax be 0 / 0
    mask = additive_mask(row_index.scatter_into(visible, state.visible), llama.dtype)  # (B, 1, Q, K)
    state.lengths = state.lengths + 1

    hidden = state.graphs.replay(batch, positions, mask) if state.graphs is not None else None
    if hidden is None:
        cache.advance(width)
        inputs = ForwardInputs(llama.embed_tokens(batch), positions, mask[..., : cache.length])
        hidden = llama(inputs, cache).last_hidden_state  # (B, Q, D)
    return cast(Tensor, llama.lm_head(row_index.gather(hidden)))


class Continuation(NamedTuple):
    """The new ids of an answer, and why they end: `error` where the logits after them were not finite."""

    ids: list[int]
    finish_reason: FinishReason


class Limits(NamedTuple):
    """How many new ids an answer has: end ids are barred before it has `least`."""

    most: int
    least: int = 0


def greedy(
    llama: Llama, logits: Tensor, state: DecodeState, limits: Sequence[Limits], eos_ids: Set[int]
) -> list[Continuation]:
    """Decode greedily from prefill's logits (P, V) and state: for each prompt its new ids, to its limit or an end id.

    Logits that are not finite end an answer, for their argmax means nothing.
    """
    answers: list[list[int]] = [[] for _ in limits]
    reasons: list[FinishReason | None] = [None] * len(limits)
    open_answers = list(range(len(limits)))  # those that `state` holds
    first_free_step = max(one.least for one in limits)
    for step in count():  # which is how many new ids every open answer has
        candidates = logits
        if step < first_free_step:
            candidates = bar_ends(logits, [step < limits[answer].least for answer in open_answers], eos_ids)
        tokens, not_finite = argmax_tokens(logits, candidates)
        on_host = torch.stack([tokens, not_finite]).tolist()  # one transfer
        for answer, token, failed in zip(open_answers, *on_host, strict=True):
            if not failed:
                answers[answer].append(token)
            limit = limits[answer].most
            reasons[answer] = "error" if failed else _finish_reason(answers[answer], limit, eos_ids)
        kept = [index for index, answer in enumerate(open_answers) if reasons[answer] is None]
        if not kept:
            return [Continuation(ids, reason or "length") for ids, reason in zip(answers, reasons, strict=True)]
        if len(kept) < len(open_answers):
            state.select(kept)
            tokens, open_answers = tokens[kept], [open_answers[index] for index in kept]
        logits = decode_step(llama, state, tokens)
    raise AssertionError("unreachable: every answer has a limit")


def bar_ends(logits: Tensor, is_barred: Sequence[bool], eos_ids: Set[int]) -> Tensor:
    """Logits (P, V) with -inf for the end ids in the rows that `is_barred` (P,) marks."""
    barred = torch.zeros(logits.shape[1], dtype=torch.bool, device=logits.device)
    barred[list(eos_ids)] = True
    rows = torch.tensor(is_barred, device=logits.device)
    return logits.masked_fill(rows[:, None] & barred, -torch.inf)


def argmax_tokens(logits: Tensor, candidates: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The argmax (P,) of logits (P, V), or of `candidates`, and (P,) 1 where one of a prompt's is not finite, else 0.

    `candidates` are the logits with some barred. A sum of finite numbers is finite in float32; a NaN stays, and
    infinities do not cancel out. No result is moved to the host.
    """
    tokens = (logits if candidates is None else candidates).argmax(dim=-1)
    total = logits.sum(dim=-1, dtype=torch.float32)
    return tokens, (total - total).ne(0).to(tokens.dtype)  # infinity minus itself is NaN, which is unequal to 0


def _finish_reason(ids: Sequence[int], limit: int, eos_ids: Set[int]) -> FinishReason | None:
    return "stop" if ids[-1] in eos_ids else "length" if len(ids) >= limit else None
