"""Attention of answer tokens: how much of it goes to each kind of token, and to each visual token of the image.

The row of an answer's token is that of the position that predicts it: of the prompt's last token for the first, then of
the answer's tokens but its last. The prompt before them is computed without attention weights; then the answer's rows
alone, layer by layer: each layer's weights are averaged over heads and rows before the next layer is computed, so that
no more than one layer's rows are ever kept. B prompts, R answer tokens of the longest answer, H heads, K slots, N
visual tokens of an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emma_eval.inference.batched import is_out_of_memory, release_memory
from emma_eval.inference.preparation import PreparedBatch, prepared_batches
from emma_eval.inference.scheduler import BatchBudget, Scheduler
from emma_eval.interpretability.token_kinds import KINDS, Kind, token_kinds
from emma_eval.models.llama.attention_mask import additive_mask
from emma_eval.models.llama.generation import prefill
from emma_eval.models.llama.model import ForwardInputs, Llama
from emma_eval.models.llama.prefix_trie import ImageSpan, PromptItem, build_trie, num_slots
from emma_eval.models.multimodal.batching import MultimodalPrompt
from emma_eval.models.multimodal.runner import ModelRunner, Pixels
from emma_eval.types import Failure, InferenceStats, Request

MAX_WEIGHTS = 2**26  # attention weights of a layer that are computed at a time: 256 MiB in float32

AnswerIds = tuple[int, ...]  # without the end id


@dataclass(frozen=True, slots=True, eq=False)
class AnswerAttention:
    """Attention of one answer, the mean over its tokens and over heads."""

    by_kind: NDArray[np.float64]  # (layers, kinds), in the order of KINDS; a layer's sum is 1
    tokens: NDArray[np.float64]  # (kinds,) how many tokens of each kind a row sees, on average over rows
    image: NDArray[np.float64]  # (layers, N) to each visual token of the first image; N is 0 without an image


@dataclass(frozen=True, slots=True)
class AnsweredPrompt:
    """What a language model read, and what it said."""

    items: tuple[PromptItem, ...]
    kinds: tuple[Kind, ...]  # of each item
    answer: AnswerIds

    @property
    def last_id(self) -> int:
        """The prompt's last token, whose row predicts the answer's first."""
        (*_, last) = self.items
        assert not isinstance(last, ImageSpan), "a prompt cut within its image has no token to answer from"
        return last

    def slot_kinds(self) -> list[Kind]:
        """The kind of each slot: of the prompt's tokens, then of the answer's but its last."""
        slots = (num_slots(item) * [kind] for item, kind in zip(self.items, self.kinds, strict=True))
        answer: list[Kind] = ["answer"]
        return [*chain.from_iterable(slots), *(len(self.answer) - 1) * answer]


def measure_attention(
    runner: ModelRunner[Any], requests: Sequence[Request], answers: Mapping[int, AnswerIds], max_requests: int | None
) -> Iterator[tuple[int, AnswerAttention | str]]:
    """Yield (index, attention) of every request, or why it has none; `answers` are by index, without end ids.

    Batches hold `max_requests`, or as many as the model's tokens allow.
    """
    with_answer = [index for index in range(len(requests)) if answers.get(index)]
    for index in set(range(len(requests))).difference(with_answer):
        yield index, "it has no answer token"
    budget = BatchBudget(runner.max_batch_tokens, max_requests)
    scheduler = Scheduler(runner, [requests[index] for index in with_answer], budget, sharing=False)
    for step in prepared_batches(runner, scheduler, InferenceStats()):
        if not isinstance(step, PreparedBatch):
            place, failure = step
            assert isinstance(failure, Failure)
            yield with_answer[place], failure.reason
            continue
        batch: list[tuple[int, AnsweredPrompt]] = []
        for pending in chain.from_iterable(row.requests for row in step.batch):
            index, items = with_answer[pending.index], cast(MultimodalPrompt, pending.prompt).items
            if len(items) < 2 or isinstance(items[-1], ImageSpan):
                yield index, "its prompt is cut within the image" if len(items) > 1 else "its prompt is one token"
                continue
            kinds = token_kinds(runner, pending.request)[: len(items)]
            batch.append((index, AnsweredPrompt(items, tuple(kinds), answers[index])))
        found = _in_parts(runner, [one for _, one in batch], step.images)
        yield from zip([index for index, _ in batch], found, strict=True)


def _in_parts(runner: ModelRunner[Any], batch: Sequence[AnsweredPrompt], pixels: Pixels) -> list[AnswerAttention]:
    """The batch's attention, computed by halves where a GPU's memory does not hold the whole."""
    if not batch:
        return []
    try:
        return batch_attention(runner, batch, pixels)
    except RuntimeError as error:
        if len(batch) == 1 or not is_out_of_memory(error):
            raise
    release_memory()
    middle = len(batch) // 2
    return _in_parts(runner, batch[:middle], pixels) + _in_parts(runner, batch[middle:], pixels)


@torch.inference_mode()
def batch_attention(
    runner: ModelRunner[Any], batch: Sequence[AnsweredPrompt], pixels: Pixels, max_weights: int = MAX_WEIGHTS
) -> list[AnswerAttention]:
    """The attention of a batch's answers, each a row of its own; `pixels` hold the images."""
    llama, cache = runner.model.llama, runner.kv_cache
    tries = [build_trie([one.items[:-1]]) for one in batch]
    prefill(llama, cache, tries, runner.embed(tries, pixels))
    sizes = torch.tensor([trie.size for trie in tries], device=llama.device)  # (B,) slots before the first row
    rows = Rows.of(batch, sizes, cache.length, llama.sliding_window)
    slots = cache.length + rows.ids.shape[1]
    if slots > cache.num_slots:
        cache.grow(slots)
    start = cache.length
    chunk = max(1, max_weights // (len(batch) * llama.config.num_attention_heads * slots))
    totals = torch.zeros(len(llama.layers), len(batch), slots, dtype=torch.float64, device=llama.device)
    for first in range(0, rows.ids.shape[1], chunk):
        part = slice(first, min(first + chunk, rows.ids.shape[1]))
        cache.advance(part.stop - part.start)
        inputs = ForwardInputs(
            embeds=llama.embed_tokens(rows.ids[:, part]),
            positions=rows.positions[:, part],
            mask=additive_mask(rows.visible[:, part, : cache.length], llama.dtype),
        )
        with averaged_weights(llama, rows.weights[:, part]):
            attentions = llama(inputs, cache, output_attentions=True).attentions  # (B, K) each
        totals[:, :, : cache.length] += torch.stack(attentions)
    seen = torch.einsum("brk,br->bk", rows.visible.double(), rows.weights)
    return [
        _summarize(one, total, mean_seen, start)
        for one, total, mean_seen in zip(
            batch, totals.cpu().numpy().transpose(1, 0, 2), seen.cpu().numpy(), strict=True
        )
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The answers' rows of a batch, padded on the right."""

    ids: Tensor  # (B, R) each prompt's last token, then its answer's but the last
    positions: Tensor  # (B, R)
    visible: Tensor  # (B, R, K) bool, the slots that each row sees
    weights: Tensor  # (B, R) float64: of a row in its answer's mean, 0 in padding

    @classmethod
    def of(cls, batch: Sequence[AnsweredPrompt], sizes: Tensor, start: int, sliding_window: int | None) -> Rows:
        """The rows of answers whose prompts fill `sizes` (B,) slots; the rows' own slots begin at `start`."""
        device, longest = sizes.device, max(len(one.answer) for one in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.int64)
        weights = torch.zeros(len(batch), longest, dtype=torch.float64)
        for row, one in enumerate(batch):
            count = len(one.answer)
            ids[row, :count] = torch.tensor([one.last_id, *one.answer[:-1]])
            weights[row, :count] = 1 / count
        steps, before = torch.arange(longest, device=device), torch.arange(start, device=device)
        positions = sizes[:, None] + steps  # (B, R)
        in_prompt = (before < sizes[:, None])[:, None].expand(-1, longest, -1)  # (B, R, start)
        in_answer = (steps <= steps[:, None]).expand(len(batch), -1, -1)  # (B, R, R)
        visible = torch.cat([in_prompt, in_answer], dim=2)
        if sliding_window is not None:
            keys = torch.cat([before.expand(len(batch), -1), positions], dim=1)  # (B, K)
            visible &= positions[:, :, None] - keys[:, None] < sliding_window
        return cls(ids.to(device), positions, visible, weights.to(device))


@contextmanager
def averaged_weights(llama: Llama, weights: Tensor) -> Iterator[None]:
    """Meanwhile every layer gives its attention (B, H, R, K) averaged over heads, and over rows by `weights` (B, R).

    It is (B, K) then.
    """

    def average(module: object, inputs: object, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, attention = output
        return x, torch.einsum("brk,br->bk", attention.float().mean(dim=1).double(), weights)

    hooks = [layer.register_forward_hook(average) for layer in llama.layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _summarize(
    one: AnsweredPrompt, attention: NDArray[np.float64], seen: NDArray[np.float64], start: int
) -> AnswerAttention:
    """Sums by kind of attention (layers, K) and of what a row sees (K,); the rows' own slots begin at `start`."""
    kinds = one.slot_kinds()
    size = len(kinds) - len(one.answer)  # slots of the prompt but for its last token
    used = [*range(size), *range(start, start + len(one.answer))]
    member = np.array([[kind == name for name in KINDS] for kind in kinds], float)  # (slots, kinds)
    attention = attention[:, used]
    return AnswerAttention(attention @ member, seen[used] @ member, attention[:, _first_image(one.items)])


def _first_image(items: Sequence[PromptItem]) -> slice:
    """The slots of a prompt's first image; none of a prompt without images."""
    images = ((start, item) for start, item in enumerate(items) if isinstance(item, ImageSpan))
    start, image = next(images, (0, None))
    return slice(start, start + image.num_tokens) if image else slice(0)
