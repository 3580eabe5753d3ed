"""The requests that vLLM has and has not answered yet: embedded here, queued there, their answers counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from emma_eval.inference.batched import is_out_of_memory, release_memory
from emma_eval.inference.engine import Outcome
from emma_eval.inference.preparation import Images, failed, finished
from emma_eval.inference.scheduler import Batch, PendingRequest
from emma_eval.inference.vllm.language_model import Completion, LanguageModel
from emma_eval.models.llama.generation import Limits
from emma_eval.models.multimodal.batching import TrieRow
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request that vLLM has."""

    pending: PendingRequest
    embeds: Tensor  # (L, D)
    limits: Limits


class RequestQueue:
    """Gives requests to vLLM and takes its answers."""

    def __init__(self, runner: ModelRunner[Any], language_model: LanguageModel, stats: InferenceStats) -> None:
        self.running: dict[int, QueuedRequest] = {}  # by the index of the request
        self._runner, self._language_model, self._stats = runner, language_model, stats
        self._seconds = 0.0  # of computing that no answer has been charged with yet

    def add(self, batch: Batch, images: Images) -> Iterator[Outcome]:
        """Embed the prompts of a batch, one a row, and queue them; yield the failures of those that cannot be."""
        fitting = []
        for row in batch:
            (pending,), (limits,) = row.requests, cast(TrieRow, row.row).limits
            length, most = pending.prompt.num_tokens + limits.most, self._language_model.max_length
            if length > most:
                reason = f"prompt and answer may have {length:,} tokens; vLLM was started for {most:,}"
                yield failed(self._runner, pending, reason)
            else:
                fitting.append(row)
        yield from self._add(fitting, images)

    def run_down_to(self, count: int) -> Iterator[Outcome]:
        """Let vLLM compute until no more than `count` requests are without an answer; yield the answers.

        Where logits are not finite all others are answered first; then each such request is computed again, alone and
        in memory that is cleared: vLLM gives blocks of keys and values to one request after the other, and NaNs in
        them spoil the next one.
        """
        suspects: list[QueuedRequest] = []
        while len(self.running) > (0 if suspects else count):
            for request, completion, seconds in self._step():
                if completion.answer.finish_reason == "error":
                    suspects.append(request)
                else:
                    yield self._outcome(request, completion, seconds)
        for suspect in suspects:
            self._language_model.clear()
            self._queue(suspect)
            while self.running:
                for request, completion, seconds in self._step():
                    yield self._outcome(request, completion, seconds)
        if suspects:
            self._language_model.clear()

    def _add(self, batch: Batch, images: Images) -> Iterator[Outcome]:
        if not batch:
            return
        start = time.perf_counter()
        embeds = self._embed(batch, images)
        if embeds is None:
            release_memory()
            self._stats.oom_retries += 1
            if len(batch) == 1:
                yield failed(self._runner, batch[0].requests[0], "out of GPU memory even in a batch of one")
                return
            middle = len(batch) // 2
            yield from self._add(batch[:middle], images)
            yield from self._add(batch[middle:], images)
            return
        self._stats.batches += 1
        for row, prompt in zip(batch, embeds, strict=True):
            self._queue(QueuedRequest(row.requests[0], prompt, cast(TrieRow, row.row).limits[0]))
        self._charge(start)

    @torch.inference_mode()
    def _embed(self, batch: Batch, images: Images) -> list[Tensor] | None:
        """The embeddings (L, D) of each row's prompt; None where they do not fit into the GPU's memory."""
        try:
            embeds = self._runner.embed([cast(TrieRow, row.row).trie for row in batch], images)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None
        return [prompt.cpu().clone() for prompt in embeds]  # each is freed with its request

    def _queue(self, request: QueuedRequest) -> None:
        index = request.pending.index
        self._language_model.add(index, request.embeds, request.limits)
        self.running[index] = request

    def _step(self) -> list[tuple[QueuedRequest, Completion, float]]:
        """One step of vLLM's: the requests that end by it, each with an equal share of the seconds until then."""
        start = time.perf_counter()
        completions = self._language_model.step()
        self._charge(start)
        if not completions:
            return []
        share, self._seconds = self._seconds / len(completions), 0.0
        return [(self.running.pop(completion.index), completion, share) for completion in completions]

    def _outcome(self, request: QueuedRequest, completion: Completion, seconds: float) -> Outcome:
        pending, generation = request.pending, self._runner.to_generation(completion.answer)
        self._stats.prompt_tokens += pending.prompt.num_tokens
        self._stats.computed_tokens += pending.prompt.num_tokens - completion.cached_tokens
        self._stats.new_tokens += len(generation.token_ids)
        if generation.finish_reason == "error":
            return failed(self._runner, pending, generation.error, seconds)
        return finished(self._runner, pending, generation, seconds)

    def _charge(self, start: float) -> None:
        seconds = time.perf_counter() - start
        self._stats.computing_seconds += seconds
        self._seconds += seconds
