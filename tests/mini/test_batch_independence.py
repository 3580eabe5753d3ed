"""In float32 an answer does not depend on batch size, order or the other requests: checked on the whole mini suite."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.index import expand_tasks
from emma_eval.tasks.loading import load_task
from emma_eval.types import Request, Response


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    tasks = [load_task(name) for name in expand_tasks(["mini"])]
    return [request for task in tasks for request in build_requests(task, load_samples(task))]


def texts(responses: Iterable[tuple[int, Response]]) -> dict[tuple[str, str, int], str | None]:
    return {(r.prompt, r.sample_id, r.pass_index): r.text for _, r in responses}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["emma-mini", "llava-mini"])
def test_every_answer_is_the_same_in_any_batch(name: str, requests: list[Request]):
    model = load_model(name, device="cpu", dtype="float32")
    alone = texts(run_requests(BatchedEngine(model, 1), requests))
    assert len(alone) == len(requests)
    assert None not in alone.values()
    shuffled = random.Random(0).sample(requests, len(requests))
    assert texts(run_requests(BatchedEngine(model, 3), requests)) == alone
    assert texts(run_requests(BatchedEngine(model, 8), requests)) == alone
    assert texts(run_requests(BatchedEngine(model, 8), shuffled)) == alone
