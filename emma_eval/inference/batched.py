"""The engine around a Model: batches, prefetched images, and no request lost, whatever fails.

An image that cannot be read fails its own requests alone; when the GPU's memory runs out, the batch is halved and
computed again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from emma_eval.inference.engine import EngineDescription, Outcome
from emma_eval.inference.preparation import PreparedBatch, failed, finished, prepare, prepared_batches
from emma_eval.inference.scheduler import (
    Batch,
    BatchBudget,
    PendingRequest,
    Scheduler,
    group_rows,
    halves,
    padded_tokens,
)
from emma_eval.models.base import Model
from emma_eval.types import Generation, InferenceStats, Request


@dataclass(frozen=True, slots=True)
class BatchedEngine:
    """Runs a Model in batches."""

    model: Model
    batch_size: int | Literal["auto"] = "auto"  # requests at most; auto: as many as the model's tokens allow
    sharing: bool = True  # whether requests that begin alike are computed together

    def describe(self) -> EngineDescription:
        """What the model says of itself."""
        return EngineDescription.of_model(self.model)

    def close(self) -> None:
        """Nothing to release: the model's memory is freed with it."""

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield each request's outcome as its batch completes."""
        budget = BatchBudget(self.model.max_batch_tokens, None if self.batch_size == "auto" else self.batch_size)
        scheduler = Scheduler(self.model, requests, budget, self.sharing)
        with closing(prepared_batches(self.model, scheduler, stats)) as steps:
            for step in steps:
                if isinstance(step, PreparedBatch):
                    yield from self._generate_batch(step, budget, stats)
                else:
                    yield step
        stats.computed_tokens += len(scheduler.prefix or ()) if stats.batches else 0

    def _generate_batch(self, ready: PreparedBatch, budget: BatchBudget, stats: InferenceStats) -> Iterator[Outcome]:
        """The outcomes of a batch; of its halves, one after the other, where the whole does not fit into memory."""
        batch, images, prepared = ready.batch, ready.images, ready.prepared
        parts: list[Batch] = [batch] if batch else []
        while parts:
            part = parts.pop()
            start = time.perf_counter()
            try:
                given = prepared if part is batch and prepared is not None else prepare(self.model, part, images)
                generations = self.model.generate([row.row for row in part], given)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                generations = None
            seconds = time.perf_counter() - start
            stats.computing_seconds += seconds
            if generations is not None:
                _count(stats, part, generations)
                alone = _to_repeat_alone(part, generations)
                yield from self._outcomes(part, generations, seconds, alone.keys())
                parts += [group_rows(self.model, [pending], prefix) for pending, prefix in alone.items()]
                continue
            release_memory()
            stats.oom_retries += 1
            budget.halve(part)  # for the rest of the run: later batches would be as long
            if smaller := self._split(part):
                parts += smaller
            else:
                (pending,) = part[0].requests
                yield failed(self.model, pending, "out of GPU memory even in a batch of one", seconds)

    def _split(self, batch: Batch) -> list[Batch]:
        """A batch in two; nothing if it is a single request."""
        if len(batch) > 1:
            middle = len(batch) // 2
            return [batch[middle:], batch[:middle]]
        (row,) = batch
        if len(row.requests) > 1:
            return [group_rows(self.model, half, row.row.prefix) for half in halves(row.requests)]
        return []

    def _outcomes(
        self,
        batch: Batch,
        generations: Sequence[Sequence[Generation]],
        seconds: float,
        left_out: Container[PendingRequest],
    ) -> Iterator[Outcome]:
        """The outcomes of the requests that are not left out; each has an equal share of the batch's seconds."""
        share = seconds / sum(len(row.requests) for row in batch)
        for row, of_row in zip(batch, generations, strict=True):
            for pending, generation in zip(row.requests, of_row, strict=True):
                if pending in left_out:
                    continue
                if generation.finish_reason == "error":
                    yield failed(self.model, pending, generation.error or "the model failed", share)
                else:
                    yield finished(self.model, pending, generation, share)


def _count(stats: InferenceStats, batch: Batch, generations: Sequence[Sequence[Generation]]) -> None:
    computed = sum(row.num_tokens for row in batch)
    stats.batches += 1
    stats.prompt_tokens += sum(pending.prompt.num_tokens for row in batch for pending in row.requests)
    stats.computed_tokens += computed
    stats.padding_tokens += padded_tokens(batch) - computed
    stats.new_tokens += sum(len(generation.token_ids) for of_row in generations for generation in of_row)


def _to_repeat_alone(batch: Batch, generations: Sequence[Sequence[Generation]]) -> dict[PendingRequest, Sequence[int]]:
    """The requests that failed in a row of several, with the row's prefix: a NaN of one spoils the whole row.

    Computed alone, each shows whether the fault is its own.
    """
    return {
        pending: row.row.prefix
        for row, of_row in zip(batch, generations, strict=True)
        if len(row.requests) > 1
        for pending, generation in zip(row.requests, of_row, strict=True)
        if generation.finish_reason == "error"
    }


def is_out_of_memory(error: Exception) -> bool:
    """Whether a GPU's memory ran out. A model that does not use torch never imports it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.cuda.OutOfMemoryError)


def release_memory() -> None:
    """Give cached blocks back to the GPU, or the smaller batch may not find its room."""
    torch = sys.modules["torch"]
    torch.cuda.empty_cache()
