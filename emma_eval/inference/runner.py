"""An engine's outcomes as the Responses that a run records."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack

from emma_eval.inference.engine import Engine
from emma_eval.types import Failure, Generation, InferenceStats, Request, Response


def run_requests(
    engine: Engine, requests: Sequence[Request], stats: InferenceStats | None = None
) -> Generator[tuple[int, Response]]:
    """Yield (index of the request, its response) for every request, in the engine's order."""
    outcomes = engine.generate(requests, InferenceStats() if stats is None else stats)
    with ExitStack() as stack:
        if isinstance(outcomes, Generator):
            stack.callback(outcomes.close)  # when this one is closed early
        for index, outcome in outcomes:
            yield index, to_response(requests[index], outcome)


def to_response(request: Request, outcome: Generation | Failure) -> Response:
    """The line of the responses file: a Generation's answer, or None and the reason for a Failure."""
    failure = outcome if isinstance(outcome, Failure) else None
    generation = outcome if isinstance(outcome, Generation) else None
    return Response(
        sample_id=request.sample_id,
        pass_index=request.pass_index,
        prompt=outcome.prompt,
        instruction=request.instruction,
        text=generation.text if generation else None,
        tokens=_new_tokens(generation) if generation else 0,
        seconds=outcome.seconds,
        error=failure.reason if failure else None,
        finish_reason=generation.finish_reason if generation else "error",
        prompt_cut=outcome.prompt_cut,
        served=generation.served if generation else None,
    )


def _new_tokens(generation: Generation) -> int:
    return (generation.served.new_tokens or 0) if generation.served else len(generation.token_ids)
