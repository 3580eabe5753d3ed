"""The engine around vLLM: a runner's embeddings in batches, which vLLM continues, many requests at a time."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from emma_eval.inference.batched import is_out_of_memory, release_memory
from emma_eval.inference.engine import EngineDescription
from emma_eval.inference.preparation import Images, Outcome, PreparedBatch, failed, finished, prepared_batches
from emma_eval.inference.scheduler import Batch, BatchBudget, PendingRequest, Scheduler, halves
from emma_eval.inference.vllm.language_model import Completion, LanguageModel, start_vllm
from emma_eval.inference.vllm.settings import VllmSettings, vllm_version
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats, Request

EMBEDDED_TOKENS = 16_384  # of requests that are embedded at a time
TOKENS_BESIDE_BYTES = 8  # of a prompt: what a tokenizer adds at its beginning and around an image


@dataclass(slots=True)
class VllmEngine:
    """Runs a multimodal model whose language model vLLM computes. Requests on the same images follow each other."""

    runner: ModelRunner[Any]
    settings: VllmSettings
    language_model: LanguageModel | None = field(default=None, init=False)  # started for the first requests

    def describe(self) -> EngineDescription:
        """What the model says of itself, and that vLLM continues it."""
        description = EngineDescription.of_model(self.runner)
        engine = f"vLLM {vllm_version()} continues from the embeddings"
        return replace(description, summary="; ".join(filter(None, [description.summary, engine])))

    def facts(self) -> dict[str, Any]:
        """VLLM's version and, once it has been started, its settings."""
        started = self.language_model.facts if self.language_model else {}
        return {"name": "vllm", "version": vllm_version(), **started}

    def close(self) -> None:
        """End vLLM."""
        if self.language_model is not None:
            self.language_model.close()
            self.language_model = None

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield each request's outcome as its answer ends.

        Raises UserError if vLLM does not start or fails. A second call may have no longer requests than the first.
        """
        language_model = self._started(requests)
        session = _Session(self.runner, language_model, stats)
        scheduler = Scheduler(self.runner, requests, BatchBudget(EMBEDDED_TOKENS, None), sharing=False)
        most_running = language_model.facts["max_num_seqs"]
        try:
            with closing(prepared_batches(self.runner, scheduler, stats)) as steps:
                for step in steps:
                    if not isinstance(step, PreparedBatch):
                        yield step
                        continue
                    yield from session.add(step.batch, step.images)
                    yield from session.run_down_to(most_running)
                yield from session.run_down_to(0)
        finally:
            language_model.abort(session.running)

    def _started(self, requests: Sequence[Request]) -> LanguageModel:
        if self.language_model is None:
            runner = self.runner
            longest = max((longest_possible(runner, request) for request in requests), default=1)
            self.language_model = start_vllm(runner.model.llama, runner.eos_ids, longest, self.settings)
        return self.language_model


def longest_possible(runner: ModelRunner[Any], request: Request) -> int:
    """At least as many tokens as prompt and answer have together, found without a tokenizer: a token has a byte or more.

    vLLM wants to know before it starts.
    """
    images = len(request.images)
    length = len(request.prompt(runner.render_prompt).encode()) + TOKENS_BESIDE_BYTES
    length += images * (runner.model.num_image_tokens + TOKENS_BESIDE_BYTES)
    if images and runner.max_length is not None:
        length = min(length, runner.max_length)
    return length + request.max_new_tokens


class _Session:
    """The requests that vLLM has and has not answered yet."""

    def __init__(self, runner: ModelRunner[Any], language_model: LanguageModel, stats: InferenceStats) -> None:
        self.running: dict[int, PendingRequest] = {}
        self._runner, self._language_model, self._stats = runner, language_model, stats
        self._seconds = 0.0  # of computing, for which no answer has been charged yet

    def add(self, batch: Batch, images: Images) -> Iterator[Outcome]:
        """Embed a batch's prompts and queue them; yield the failures of those that cannot be."""
        if not batch:
            return
        start = time.perf_counter()
        embeds = self._embed(batch, images)
        if embeds is None:
            release_memory()
            self._stats.oom_retries += 1
            if len(batch) > 1:
                for half in halves(batch):
                    yield from self.add(list(half), images)
            else:
                yield failed(self._runner, batch[0].requests[0], "out of GPU memory even in a batch of one")
            return
        self._stats.batches += 1
        for row, prompt in zip(batch, embeds, strict=True):
            (pending,), (limits,) = row.requests, row.row.limits  # type: ignore[attr-defined]  # a TrieRow
            length, most = len(prompt) + limits.most, self._language_model.max_length
            if length > most:
                yield failed(
                    self._runner, pending, f"prompt and answer may have {length:,} tokens; vLLM reads {most:,}"
                )
                continue
            self._language_model.add(pending.index, prompt, limits)
            self.running[pending.index] = pending
        self._charge(start)

    def run_down_to(self, count: int) -> Iterator[Outcome]:
        """Let vLLM compute until no more than `count` requests are without an answer; yield the answers."""
        while len(self.running) > count:
            start = time.perf_counter()
            completions = self._language_model.step()
            self._charge(start)
            share, self._seconds = (self._seconds / len(completions), 0.0) if completions else (0.0, self._seconds)
            for completion in completions:
                yield self._outcome(completion, share)

    @torch.inference_mode()
    def _embed(self, batch: Batch, images: Images) -> list[Tensor] | None:
        """The embeddings (L, D) of each row's one prompt; None where they do not fit into the GPU's memory."""
        try:
            embeds = self._runner.embed([row.row.trie for row in batch], images)  # type: ignore[attr-defined]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None
        return [prompt.clone() for prompt in embeds]  # each is freed with its request

    def _outcome(self, completion: Completion, seconds: float) -> Outcome:
        pending = self.running.pop(completion.index)
        generation = self._runner.to_generation(completion.answer)
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
