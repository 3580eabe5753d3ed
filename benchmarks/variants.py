"""The ways to answer that a benchmark compares, and passes over the requests, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from benchmarks.work import synchronize
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats, Request

WARM_UP = 128  # requests

Runner = ModelRunner[Any]  # of the variant's architecture
Answers = dict[int, str | None]  # index of each request -> the text of its answer
Answer = Callable[[Runner, Sequence[Request], InferenceStats], Answers]


@dataclass(frozen=True, slots=True)
class Pass:
    """All requests answered once."""

    answers: Mapping[int, str | None]
    seconds: float
    stats: InferenceStats = field(default_factory=InferenceStats)


Passes = Callable[[Runner, Sequence[Request], int], Iterator[Pass]]  # so many, after a warm-up


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the compared ways to answer; a slow one may answer an evenly spaced part of the requests."""

    name: str
    passes: Passes
    max_requests: int | None = None
    min_speedup: float | None = None  # bar: how many times faster the first variant must be


def in_this_process(answer: Answer) -> Passes:
    """Passes of a function, each with empty caches: `replace` makes a runner that has them."""

    def passes(runner: Runner, requests: Sequence[Request], repeats: int) -> Iterator[Pass]:
        for _ in range(repeats):
            answer(replace(runner), requests[:WARM_UP], InferenceStats())
            stats, fresh = InferenceStats(), replace(runner)
            synchronize(runner.device)
            start = time.perf_counter()
            answers = answer(fresh, requests, stats)
            synchronize(runner.device)
            yield Pass(answers, time.perf_counter() - start, stats)

    return passes


def engine(batch_size: int | Literal["auto"] = "auto", sharing: bool = True) -> Answer:
    """Our engine."""

    def answer(runner: Runner, requests: Sequence[Request], stats: InferenceStats) -> Answers:
        answers = run_requests(BatchedEngine(runner, batch_size, sharing=sharing), requests, stats)
        return {index: response.text for index, response in answers}

    return answer


def engine_on_prepared_inputs(runner: Runner, requests: Sequence[Request], repeats: int) -> Iterator[Pass]:
    """Passes of our engine; prompts are tokenized and images resized before the clock starts, as peers get them."""
    prompts = {request: runner.tokenize(request) for request in requests}
    pixels = {image: runner.to_pixels(image) for request in requests for image in request.images}

    def answer(fresh: Runner, some: Sequence[Request], stats: InferenceStats) -> Answers:
        fresh.tokenize, fresh.preprocess_image = prompts.__getitem__, pixels.__getitem__
        return engine()(fresh, some, stats)

    return in_this_process(answer)(runner, requests, repeats)
