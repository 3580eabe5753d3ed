"""The engine around a Model: batches, prefetched images, and no request lost, whatever fails.

An image that cannot be read fails its own requests alone; when the GPU's memory runs out, the batch is halved and
computed again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any, Literal

from emma_eval.errors import SampleError
from emma_eval.inference.engine import EngineDescription
from emma_eval.inference.prefetch import prefetch, worker_threads
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
from emma_eval.types import Failure, Generation, ImageSource, InferenceStats, Request
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.gc_utils import gc_frozen

PREFETCH_BATCHES = 3
MAX_IMAGE_WORKERS = 8  # threads; one decodes more images than a GPU encodes, but bursts need more

Outcome = tuple[int, Generation | Failure]  # with the index of its request
ImageFutures = Mapping[ImageSource, Future[Any]]
Images = Mapping[ImageSource, Any]  # as the model preprocessed them


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
        with (
            gc_frozen(),
            worker_threads(min(MAX_IMAGE_WORKERS, usable_cpus())) as image_workers,
            worker_threads(1) as preparer,
            worker_threads(1) as planner,
        ):
            previous: ImageFutures = {}
            idle_since = time.perf_counter()
            ahead = _work_ahead(self.model, scheduler, image_workers, preparer)
            for batch, futures, ready in prefetch(ahead, planner, PREFETCH_BATCHES):
                if isinstance(batch, tuple):  # a request that cannot be tokenized
                    yield batch
                    continue
                images, unreadable = _wait(futures)
                prepared = None if ready is None else ready.result()
                stats.idle_seconds += time.perf_counter() - idle_since
                stats.images += len(futures.keys() - previous.keys())
                previous = futures
                sound, failures = self._without(batch, unreadable) if unreadable else (batch, [])
                yield from failures
                yield from self._generate_batch(sound, images, prepared, budget, stats)
                idle_since = time.perf_counter()
        stats.computed_tokens += len(scheduler.prefix or ()) if stats.batches else 0

    def _without(self, batch: Batch, unreadable: Mapping[ImageSource, str]) -> tuple[Batch, list[Outcome]]:
        """The batch without the requests that show an unreadable image, and their failures."""
        sound: Batch = []
        failures: list[Outcome] = []
        for row in batch:
            kept = []
            for pending in row.requests:
                reason = next((unreadable[image] for image in pending.request.images if image in unreadable), None)
                if reason is None:
                    kept.append(pending)
                else:
                    failures.append((pending.index, self._failure(pending, reason)))
            sound += group_rows(self.model, kept, row.row.prefix) if kept else []
        return sound, failures

    def _generate_batch(
        self, batch: Batch, images: Images, prepared: Any, budget: BatchBudget, stats: InferenceStats
    ) -> Iterator[Outcome]:
        """The outcomes of a batch; of its halves, one after the other, where the whole does not fit into memory.

        `prepared` is what the model prepared of the whole batch; None if it did not.
        """
        parts: list[Batch] = [batch] if batch else []
        while parts:
            part = parts.pop()
            start = time.perf_counter()
            try:
                given = prepared if part is batch and prepared is not None else _prepare(self.model, part, images)
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
                yield pending.index, self._failure(pending, "out of GPU memory even in a batch of one", seconds)

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
                    yield pending.index, self._failure(pending, generation.error or "the model failed", share)
                else:
                    yield pending.index, self._finished(pending, generation, share)

    def _finished(self, pending: PendingRequest, generation: Generation, seconds: float) -> Generation:
        return replace(
            generation,
            prompt=pending.request.prompt(self.model.render_prompt),
            seconds=pending.seconds + seconds,
            prompt_cut=_is_cut(pending),
        )

    def _failure(self, pending: PendingRequest, reason: str, seconds: float = 0.0) -> Failure:
        prompt = pending.request.prompt(self.model.render_prompt)
        return Failure(reason, prompt, pending.seconds + seconds, _is_cut(pending))


def _is_cut(pending: PendingRequest) -> bool | None:
    return getattr(pending.prompt, "truncated", None)  # models of other packages need not say


def _work_ahead(
    model: Model, scheduler: Scheduler, workers: Executor, preparer: Executor
) -> Iterator[tuple[Batch | tuple[int, Failure], ImageFutures, Future[Any] | None]]:
    """Every step of the scheduler, with the futures of its images and of what the model prepares of it, if it does.

    Images of the batch before are taken over.
    """
    previous: ImageFutures = {}
    for step in scheduler:
        if isinstance(step, tuple):
            yield step, {}, None
            continue
        images = dict.fromkeys(image for row in step for image in row.images)
        previous = {image: previous.get(image) or workers.submit(model.preprocess_image, image) for image in images}
        yield step, previous, preparer.submit(_prepare_ahead, model, step, previous) if _prepares(model) else None


def _prepares(model: Model) -> bool:
    return hasattr(model, "prepare")


def _prepare(model: Any, batch: Batch, images: Images) -> Any:
    """What `generate` gets besides the rows: the images, or what the model prepares of all of them."""
    return model.prepare([row.row for row in batch], images) if _prepares(model) else images


def _prepare_ahead(model: Model, batch: Batch, futures: ImageFutures) -> Any:
    """What the model prepares of a batch; None if an image is unreadable, for the batch will be another."""
    images, unreadable = _wait(futures)
    return None if unreadable else _prepare(model, batch, images)


def _wait(futures: ImageFutures) -> tuple[Images, dict[ImageSource, str]]:
    """The preprocessed images, and why the others are unreadable."""
    images, unreadable = {}, {}
    for image, future in futures.items():
        try:
            images[image] = future.result()
        except SampleError as error:
            unreadable[image] = str(error)
    return images, unreadable


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
