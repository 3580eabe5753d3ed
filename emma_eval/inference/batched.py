"""The loop between a benchmark's requests and a model: no request is lost, whatever fails.

An image that cannot be read fails its own requests alone; when the GPU's memory runs out, the batch is halved and
asked again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, Literal

from emma_eval.errors import SampleError
from emma_eval.inference.prefetch import ahead, threads
from emma_eval.inference.scheduler import Batch, Budget, Failure, Job, Lot, Planner, halves, padded, weave
from emma_eval.inference.stats import Usage
from emma_eval.models.base import Model
from emma_eval.types import Generation, ImageSource, Request, Response
from emma_eval.utils.cpu import usable_cpus

BATCHES_AHEAD = 3
MOST_LOOKERS = 8  # threads; one decodes and resizes more images than a GPU looks at, but a burst wants more
Answered = tuple[int, Response]  # the request's number, and its response
Looked = Mapping[ImageSource, Future[Any]]


def answer(
    model: Model,
    requests: Sequence[Request],
    batch_size: int | Literal["auto"] = "auto",
    usage: Usage | None = None,
    *,
    sharing: bool = True,
) -> Generator[Answered]:
    """Answer every request, yielding (its number, its response) as batches complete: not in the order of the requests.

    A request that can't be answered yields a Response with its `error`. `seconds` is the time of its tokenising and its
    equal share of its batch's generation. `sharing`: whether prompts that begin alike are read together.
    """
    usage = usage if usage is not None else Usage()
    budget = Budget(model.max_batch_tokens, None if batch_size == "auto" else batch_size)
    with threads(min(MOST_LOOKERS, usable_cpus())) as lookers, threads(1) as planner:
        plan = Planner(model, requests, budget, sharing)
        before: Looked = {}
        waiting = time.perf_counter()
        for step, images in ahead(_looked_at(model, plan, lookers), planner, BATCHES_AHEAD):
            if isinstance(step, Failure):
                yield step.number, _failure(model, step.request, step.seconds, step.reason)
                continue
            seen, broken = _collect(images)
            usage.waiting_seconds += time.perf_counter() - waiting
            usage.images += len(images.keys() - before.keys())
            before = images
            batch, failures = _set_aside(model, step, broken) if broken else (step, [])
            yield from failures
            yield from _generate(model, batch, seen, budget, usage)
            waiting = time.perf_counter()
    usage.computed_tokens += len(plan.prefix or ()) if usage.batches else 0


def _looked_at(model: Model, plan: Planner, pool: Executor) -> Iterator[tuple[Batch | Failure, Looked]]:
    """Every step with its images, on which the pool has set to work; those of the batch before are there already."""
    before: Looked = {}
    for step in plan:
        if isinstance(step, Failure):
            yield step, {}
            continue
        images = dict.fromkeys(image for lot in step for image in lot.images)
        before = {image: before.get(image) or pool.submit(model.preprocess_image, image) for image in images}
        yield step, before


def _collect(images: Looked) -> tuple[dict[ImageSource, Any], dict[ImageSource, str]]:
    """What was seen, and why the others could not be."""
    seen, broken = {}, {}
    for image, future in images.items():
        try:
            seen[image] = future.result()
        except SampleError as error:
            broken[image] = str(error)
    return seen, broken


def _set_aside(model: Model, batch: Batch, broken: Mapping[ImageSource, str]) -> tuple[Batch, list[Answered]]:
    """The batch without requests that show a broken image, and their failures."""
    kept: list[Lot] = []
    failures = []
    for lot in batch:
        jobs = []
        for job in lot.jobs:
            reason = next((broken[image] for image in job.request.images if image in broken), None)
            if reason is None:
                jobs.append(job)
            else:
                failures.append((job.number, _failure(model, job.request, job.seconds, reason)))
        kept += weave(model, jobs, lot.row.prefix) if jobs else []
    return tuple(kept), failures


def _generate(
    model: Model, batch: Batch, images: Mapping[ImageSource, Any], budget: Budget, usage: Usage
) -> Iterator[Answered]:
    """The answers of a batch; in parts where the whole does not fit into memory."""
    parts: list[Batch] = [batch] if batch else []
    while parts:
        part = parts.pop()
        start = time.perf_counter()
        try:
            generations = model.generate([lot.row for lot in part], images)
        except Exception as error:
            if not _out_of_memory(error):
                raise
            generations = None
        seconds = time.perf_counter() - start
        usage.computing_seconds += seconds
        if generations is not None:
            _count(usage, part, generations)
            again = _spoilt(part, generations)
            yield from _responses(model, part, generations, seconds, again)
            parts += [tuple(weave(model, [job], prefix)) for job, prefix in again.items()]
            continue
        _release_memory()
        usage.memory_shortages += 1
        budget.halve(part)  # and it stays so: the next batches are as long
        if smaller := _split(model, part):
            parts += smaller
        else:
            (job,) = part[0].jobs
            yield job.number, _failure(model, job.request, seconds, "out of GPU memory even in a batch of one")


def _split(model: Model, batch: Batch) -> list[Batch]:
    """A batch in two; nothing where it is a single request."""
    if len(batch) > 1:
        middle = len(batch) // 2
        return [batch[middle:], batch[:middle]]
    (lot,) = batch
    if len(lot.jobs) > 1:
        return [tuple(weave(model, half, lot.row.prefix)) for half in halves(lot.jobs)]
    return []


def _count(usage: Usage, batch: Batch, generations: Iterable[Sequence[Generation]]) -> None:
    usage.batches += 1
    usage.prompt_tokens += sum(job.prompt.num_tokens for lot in batch for job in lot.jobs)
    usage.computed_tokens += sum(lot.row.num_tokens for lot in batch)
    usage.padding_tokens += padded(batch) - sum(lot.row.num_tokens for lot in batch)
    usage.new_tokens += sum(len(one.token_ids) for row in generations for one in row)


def _spoilt(batch: Batch, generations: Sequence[Sequence[Generation]]) -> dict[Job, Sequence[int]]:
    """The jobs, with their rows' prefixes, that failed in a row of several: numbers gone wrong in one spoil the others.

    Alone each shows whether the fault is its own.
    """
    return {
        job: lot.row.prefix
        for lot, row in zip(batch, generations, strict=True)
        if len(lot.jobs) > 1
        for job, generation in zip(lot.jobs, row, strict=True)
        if generation.finish_reason == "error"
    }


def _responses(
    model: Model, batch: Batch, generations: Sequence[Sequence[Generation]], seconds: float, left_out: Container[Job]
) -> Iterator[Answered]:
    share = seconds / sum(len(lot.jobs) for lot in batch)
    for lot, row in zip(batch, generations, strict=True):
        for job, generation in zip(lot.jobs, row, strict=True):
            if job not in left_out:
                yield job.number, _response(model, job, generation, job.seconds + share)


def _response(model: Model, job: Job, generation: Generation, seconds: float) -> Response:
    cut: bool | None = getattr(job.prompt, "truncated", None)  # models of other packages need not say
    if generation.finish_reason == "error":
        return replace(_failure(model, job.request, seconds, generation.error or "the model failed"), prompt_cut=cut)
    return Response(
        sample_id=job.request.sample_id,
        pass_index=job.request.pass_index,
        prompt=model.render_prompt(job.request.message),
        instruction=job.request.instruction,
        text=generation.text,
        tokens=len(generation.token_ids),
        seconds=seconds,
        finish_reason=generation.finish_reason,
        prompt_cut=cut,
    )


def _failure(model: Model, request: Request, seconds: float, reason: str) -> Response:
    return Response(
        sample_id=request.sample_id,
        pass_index=request.pass_index,
        prompt=model.render_prompt(request.message),
        instruction=request.instruction,
        text=None,
        tokens=0,
        seconds=seconds,
        error=reason,
        finish_reason="error",
    )


def _out_of_memory(error: Exception) -> bool:
    """Whether a GPU's memory ran out. A model that does not use torch never imports it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.cuda.OutOfMemoryError)


def _release_memory() -> None:
    """Give cached blocks back, or the smaller batch may not find its room."""
    torch = sys.modules["torch"]
    torch.cuda.empty_cache()
