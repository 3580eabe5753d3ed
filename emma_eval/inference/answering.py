"""The loop between a benchmark's requests and a model: no request is lost, whatever fails.

Requests are sorted by length within a window, so that a batch pads little, the longest first, so that memory runs out
early rather than late. A picture that can't be read fails its own request alone; when the GPU's memory runs out, the
batch is halved and asked again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from emma_eval.errors import SampleError
from emma_eval.types import Generation, Model, Request, Response

BATCHES_A_WINDOW = 16
DEFAULT_BATCH_SIZE = 16  # "auto", for a model that has no `auto_batch_size` of its own


@dataclass(frozen=True, slots=True)
class Ready:
    """A request whose ids and pixels are made."""

    request: Request
    prepared: Any
    seconds: float  # spent preparing


def answer(model: Model, requests: Iterable[Request], batch_size: int | Literal["auto"] = "auto") -> Iterator[Response]:
    """Answer every request, yielding responses as batches complete: not in the order of the requests.

    A request that can't be answered yields a Response with its `error`. `seconds` is a request's own preparation and
    its equal share of its batch's generation.
    """
    size = getattr(model, "auto_batch_size", DEFAULT_BATCH_SIZE) if batch_size == "auto" else batch_size
    for batch in _batches(requests, size):
        ready: list[Ready] = []
        for request in batch:
            start = time.perf_counter()
            try:
                prepared = model.prepare(request)
            except SampleError as error:
                yield _failure(request, time.perf_counter() - start, str(error))
                continue
            ready.append(Ready(request, prepared, time.perf_counter() - start))
        while ready:
            part = ready[:size]
            start = time.perf_counter()
            try:
                generations = model.generate([one.prepared for one in part])
            except Exception as error:
                if not _out_of_memory(error):
                    raise
                generations = None
            if generations is None:
                _release_memory()
                if len(part) > 1:
                    size = len(part) // 2  # and it stays so: the next batches are as long
                    continue
                yield _failure(part[0].request, time.perf_counter() - start, "out of GPU memory even in a batch of one")
            else:
                yield from _responses(part, generations, time.perf_counter() - start)
            ready = ready[len(part) :]


def _batches(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    """Windows of requests, sorted by length within each, in batches of `size`."""
    rest = iter(requests)
    while window := list(islice(rest, size * BATCHES_A_WINDOW)):
        window.sort(key=_length, reverse=True)
        for start in range(0, len(window), size):
            yield window[start : start + size]


def _length(request: Request) -> tuple[int, int]:
    """What orders requests by the length of their sequences: pictures weigh more than any text."""
    return len(request.images), len(request.prompt)


def _responses(part: Sequence[Ready], generations: Sequence[Generation], seconds: float) -> Iterator[Response]:
    for one, generation in zip(part, generations, strict=True):
        yield Response(
            sample_id=one.request.sample_id,
            round_id=one.request.round_id,
            prompt=one.request.prompt,
            instruction=one.request.instruction,
            text=generation.text,
            tokens=len(generation.token_ids),
            seconds=one.seconds + seconds / len(part),
        )


def _failure(request: Request, seconds: float, reason: str) -> Response:
    return Response(
        sample_id=request.sample_id,
        round_id=request.round_id,
        prompt=request.prompt,
        instruction=request.instruction,
        text=None,
        tokens=0,
        seconds=seconds,
        error=reason,
    )


def _out_of_memory(error: Exception) -> bool:
    """Whether a GPU's memory ran out. A model that does not use torch never imports it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.cuda.OutOfMemoryError)


def _release_memory() -> None:
    """Give cached blocks back, or the smaller batch may not find its room."""
    torch = sys.modules["torch"]
    torch.cuda.empty_cache()
