"""No request is lost: not to an unreadable picture, not to a full GPU, not to sorting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from emma_eval.errors import SampleError
from emma_eval.inference import answer
from emma_eval.types import Generation, Request


@dataclass
class Echo:
    """A model that repeats its prompt, fails on "broken", and has room for `room` requests at a time."""

    room: int = 1000
    template: str = "vicuna_v1"
    batches: list[list[str]] = field(default_factory=list)
    huge: str = "no prompt is this one"

    def prepare(self, request: Request) -> str:
        if "broken" in request.prompt:
            raise SampleError(f"{request.sample_id}.png: unreadable picture")
        return request.prompt

    def generate(self, prepared: Sequence[Any]) -> list[Generation]:
        import torch

        if len(prepared) > self.room or self.huge in prepared:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        self.batches.append(list(prepared))
        return [Generation(text.upper(), tuple(range(len(text)))) for text in prepared]


def requests(*prompts: str) -> list[Request]:
    return [Request(str(number), number % 2, prompt, f"about {prompt}") for number, prompt in enumerate(prompts)]


def test_every_request_is_answered_under_its_own_id() -> None:
    asked = requests(*("x" * (number % 7 + 1) for number in range(100)))
    answers = {response.sample_id: response for response in answer(Echo(), asked, 3)}
    assert len(answers) == 100
    for request in asked:
        response = answers[request.sample_id]
        assert (response.round_id, response.prompt, response.instruction) == (
            request.round_id,
            request.prompt,
            request.instruction,
        )
        assert (response.text, response.tokens, response.error) == (request.prompt.upper(), len(request.prompt), None)
        assert response.seconds >= 0


def test_batches_hold_requests_of_similar_length_the_longest_first() -> None:
    model = Echo()
    list(answer(model, requests("aaaa", "b", "ccc", "dd", "eeeee"), 2))
    assert model.batches == [["eeeee", "aaaa"], ["ccc", "dd"], ["b"]]


def test_responses_come_while_requests_are_still_being_read() -> None:
    read = []

    def endless() -> Any:
        for number in range(10**9):
            read.append(number)
            yield Request(str(number), 0, "x", "")

    assert next(answer(Echo(), endless(), 2)).text == "X"
    assert len(read) < 100


def test_an_unreadable_picture_fails_its_own_request_alone() -> None:
    responses = {r.sample_id: r for r in answer(Echo(), requests("fine", "broken", "good"), 8)}
    assert responses["1"].text is None
    assert responses["1"].error == "1.png: unreadable picture"
    assert responses["1"].tokens == 0
    assert [responses[i].text for i in "02"] == ["FINE", "GOOD"]


@pytest.mark.parametrize("room", [1, 2, 3, 5])
def test_a_full_gpu_halves_the_batch_and_loses_nothing(room: int) -> None:
    model = Echo(room=room)
    asked = requests(*(f"question {number}" for number in range(23)))
    responses = list(answer(model, asked, 8))
    assert sorted(r.sample_id for r in responses) == sorted(r.sample_id for r in asked)
    assert all(r.text == r.prompt.upper() for r in responses)
    assert max(map(len, model.batches)) <= room
    assert len(model.batches) >= 23 // 8


def test_a_request_too_large_even_alone_fails_with_the_reason() -> None:
    model = Echo(huge="too much")
    responses = {r.prompt: r for r in answer(model, requests("too much", "a", "b"), 4)}
    assert "memory" in (responses["too much"].error or "")
    assert responses["a"].text == "A"
    assert responses["b"].text == "B"


def test_a_bug_in_the_model_is_not_swallowed() -> None:
    class Buggy(Echo):
        def generate(self, prepared: Sequence[Any]) -> list[Generation]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(answer(Buggy(), requests("x"), 2))


def test_auto_uses_the_models_own_wish() -> None:
    model = Echo()
    list(answer(model, requests(*"abcdefghijklmnopqrst"), "auto"))
    assert [len(batch) for batch in model.batches] == [16, 4]
    model = Echo()
    model.auto_batch_size = 5  # type: ignore[attr-defined]
    list(answer(model, requests(*"abcdefgh"), "auto"))
    assert [len(batch) for batch in model.batches] == [5, 3]
