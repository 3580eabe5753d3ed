"""Batches made ready ahead of the device: tokenized, their images decoded; what cannot be read fails alone.

And an outcome of a request, as every engine that schedules batches words it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

from emma_eval.errors import SampleError
from emma_eval.inference.engine import Outcome
from emma_eval.inference.prefetch import prefetch, worker_threads
from emma_eval.inference.scheduler import Batch, PendingRequest, Scheduler, group_rows
from emma_eval.models.base import Model
from emma_eval.types import Failure, Generation, ImageSource, InferenceStats
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.gc_utils import gc_frozen

PREFETCH_BATCHES = 3
MAX_IMAGE_WORKERS = 8  # threads; one decodes more images than a GPU encodes, but bursts need more

ImageFutures = Mapping[ImageSource, Future[Any]]
Images = Mapping[ImageSource, Any]  # as the model preprocessed them


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch whose images are all there."""

    batch: Batch
    images: Images
    prepared: Any  # what the model prepared of the whole batch; None if it did not


def prepared_batches(model: Model, scheduler: Scheduler, stats: InferenceStats) -> Generator[PreparedBatch | Outcome]:
    """Yield every batch of the scheduler, and the failures of requests that cannot be tokenized or shown.

    `stats` counts images, and the seconds that the device waits for them.
    """
    with (
        gc_frozen(),
        worker_threads(min(MAX_IMAGE_WORKERS, usable_cpus())) as image_workers,
        worker_threads(1) as preparer,
        worker_threads(1) as planner,
    ):
        previous: ImageFutures = {}
        idle_since = time.perf_counter()
        ahead = _work_ahead(model, scheduler, image_workers, preparer)
        for batch, futures, ready in prefetch(ahead, planner, PREFETCH_BATCHES):
            if isinstance(batch, tuple):  # a request that cannot be tokenized
                yield batch
                continue
            images, unreadable = _wait(futures)
            prepared = None if ready is None else ready.result()
            stats.idle_seconds += time.perf_counter() - idle_since
            stats.images += len(futures.keys() - previous.keys())
            previous = futures
            sound, failures = _without(model, batch, unreadable) if unreadable else (batch, [])
            yield from failures
            yield PreparedBatch(sound, images, prepared)
            idle_since = time.perf_counter()


def finished(model: Model, pending: PendingRequest, generation: Generation, seconds: float) -> Outcome:
    """The outcome of an answered request."""
    return pending.index, replace(
        generation,
        prompt=pending.request.prompt(model.render_prompt),
        seconds=pending.seconds + seconds,
        prompt_cut=_is_cut(pending),
    )


def failed(model: Model, pending: PendingRequest, reason: str, seconds: float = 0.0) -> Outcome:
    """The outcome of a request without an answer."""
    prompt = pending.request.prompt(model.render_prompt)
    return pending.index, Failure(reason, prompt, pending.seconds + seconds, _is_cut(pending))


def _is_cut(pending: PendingRequest) -> bool | None:
    return getattr(pending.prompt, "truncated", None)  # models of other packages need not say


def _without(model: Model, batch: Batch, unreadable: Mapping[ImageSource, str]) -> tuple[Batch, list[Outcome]]:
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
                failures.append(failed(model, pending, reason))
        sound += group_rows(model, kept, row.row.prefix) if kept else []
    return sound, failures


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


def prepare(model: Any, batch: Batch, images: Images) -> Any:
    """What `generate` gets besides the rows: the images, or what the model prepares of all of them."""
    return model.prepare([row.row for row in batch], images) if _prepares(model) else images


def _prepare_ahead(model: Model, batch: Batch, futures: ImageFutures) -> Any:
    """What the model prepares of a batch; None if an image is unreadable, for the batch will be another."""
    images, unreadable = _wait(futures)
    return None if unreadable else prepare(model, batch, images)


def _wait(futures: ImageFutures) -> tuple[Images, dict[ImageSource, str]]:
    """The preprocessed images, and why the others are unreadable."""
    images, unreadable = {}, {}
    for image, future in futures.items():
        try:
            images[image] = future.result()
        except SampleError as error:
            unreadable[image] = str(error)
    return images, unreadable
