"""No request is lost: not to an unreadable image, not to a full GPU, not to sorting."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from emma_eval.errors import SampleError
from emma_eval.inference import scheduler
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.inference.scheduler import BatchBudget, BatchRow, Scheduler
from emma_eval.types import Generation, InferenceStats, Request, Response


@dataclass(frozen=True)
class Asked:
    text: str
    image: str

    @property
    def num_tokens(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class OneImage:
    """A row: prompts on the same image."""

    indices: tuple[int, ...]
    prompts: tuple[Asked, ...]
    prefix: tuple[int, ...] = ()

    @property
    def num_tokens(self) -> int:
        return sum(prompt.num_tokens for prompt in self.prompts)


@dataclass(frozen=True)
class Named:
    """An image in name; "broken" cannot be opened."""

    label: str


@dataclass
class Echo:
    """A model that repeats its prompt, cannot read "nonsense", and has room for `room` requests at a time."""

    room: int = 1000
    template: str = "vicuna_v1"
    max_batch_tokens: int = 1000
    batches: list[list[str]] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    huge: str = "no prompt is this one"

    def render_prompt(self, message: str) -> str:
        return message

    def tokenize(self, request: Request) -> Asked:
        if "nonsense" in request.message:
            raise SampleError("nonsense")
        return Asked(request.message, request.images[0].label if request.images else request.sample_id)

    def preprocess_image(self, image: Any) -> str:
        self.looked.append(image.label)
        if image.label == "broken":
            raise SampleError("broken: unreadable image")
        return f"pixels of {image.label}"

    def shared_prefix(self, prompts: Sequence[Any]) -> tuple[int, ...]:
        return ()

    def collate(self, prompts: Sequence[Any], prefix: tuple[int, ...] = ()) -> list[OneImage]:
        images = dict.fromkeys(prompt.image for prompt in prompts)
        members = [tuple(i for i, prompt in enumerate(prompts) if prompt.image == image) for image in images]
        return [OneImage(chosen, tuple(prompts[i] for i in chosen)) for chosen in members]

    def generate(self, rows: Sequence[Any], images: Mapping[Any, Any]) -> list[list[Generation]]:
        import torch

        texts = [prompt.text for row in rows for prompt in row.prompts]
        if len(texts) > self.room or self.huge in texts:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        self.batches.append(texts)
        return [[Generation(p.text.upper(), tuple(range(len(p.text)))) for p in row.prompts] for row in rows]


def requests(*prompts: str) -> list[Request]:
    return [Request(str(number), number % 2, prompt, f"about {prompt}") for number, prompt in enumerate(prompts)]


def about(label: str, *prompts: str) -> list[Request]:
    return [Request(prompt, 0, prompt, "", (Named(label),)) for prompt in prompts]  # type: ignore[arg-type]


def responses(model: Any, asked: Sequence[Request], batch_size: Any = "auto") -> dict[str, Response]:
    found = list(run_requests(BatchedEngine(model, batch_size), asked))
    assert sorted(number for number, _ in found) == list(range(len(asked)))
    assert all(asked[number].key == response.key for number, response in found)
    return {response.sample_id: response for _, response in found}


def test_every_request_is_answered_under_its_own_id() -> None:
    asked = requests(*("x" * (number % 7 + 1) for number in range(100)))
    answers = responses(Echo(), asked, 3)
    for request in asked:
        response = answers[request.sample_id]
        assert (response.pass_index, response.prompt, response.instruction) == (
            request.pass_index,
            request.message,
            request.instruction,
        )
        assert (response.text, response.tokens, response.error) == (request.message.upper(), len(request.message), None)
        assert response.seconds >= 0


def test_batches_hold_requests_of_similar_length_the_longest_first() -> None:
    model = Echo()
    responses(model, requests("aaaa", "b", "ccc", "dd", "eeeee"), 2)
    assert model.batches == [["eeeee", "aaaa"], ["ccc", "dd"], ["b"]]


def test_rows_that_wait_are_joined_by_those_of_later_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TOKENIZE_WINDOW", 24)  # four rows of 13 tokens and four of 9
    long, short = ("y" * 9, "x", "x", "x", "x"), ("y" * 9,)
    asked = [request for image in range(16) for request in about(f"{image}", *(short if image % 2 else long))]
    batches = list(Scheduler(Echo(), asked, BatchBudget(max_tokens=39, max_requests=None)))  # three of the longer ones
    lengths = [[row.num_tokens for row in batch] for batch in batches]
    assert lengths == [[13, 13, 13], [13, 13, 13], [13, 13, 9], [9, 9, 9, 9], [9, 9, 9]]


def test_a_batch_holds_no_more_tokens_than_it_may_padding_included() -> None:
    model = Echo(max_batch_tokens=10)
    responses(model, requests("aaaa", "b", "ccc", "dd", "eeeee", "f" * 30))
    assert model.batches == [["f" * 30], ["eeeee", "aaaa"], ["ccc", "dd", "b"]]


def test_requests_about_one_image_are_read_together_and_it_is_opened_once() -> None:
    model = Echo(max_batch_tokens=8)
    asked = [*about("cat", "aa", "b"), *about("dog", "cccc"), *about("cat", "dd", "eee")]
    responses(model, asked)
    assert model.batches == [["aa", "b", "dd", "eee"], ["cccc"]]
    assert model.looked == ["cat", "dog"]


def test_without_sharing_each_request_has_a_row_of_its_own() -> None:
    model, stats = Echo(max_batch_tokens=4), InferenceStats()
    asked = about("cat", "aa", "b", "dd", "ee")
    list(BatchedEngine(model, sharing=False).generate(asked, stats))
    assert model.batches == [["aa", "dd"], ["ee", "b"]]
    assert (stats.prompt_tokens, stats.computed_tokens, stats.padding_tokens) == (7, 7, 1)


def test_a_image_with_more_questions_than_fit_is_read_in_parts() -> None:
    model = Echo(max_batch_tokens=6)
    assert len(responses(model, about("cat", *("abcdefghijklmnop")))) == 16
    assert all(len(batch) <= 6 for batch in model.batches)


def test_an_unreadable_image_fails_its_own_requests_alone() -> None:
    asked = [*about("broken", "what", "where"), *about("cat", "good"), *requests("fine")]
    found = responses(Echo(), asked, 8)
    for name in ("what", "where"):
        assert (found[name].text, found[name].error, found[name].tokens) == (None, "broken: unreadable image", 0)
    assert (found["good"].text, found["0"].text) == ("GOOD", "FINE")


def test_a_request_that_cannot_be_read_fails_alone() -> None:
    found = responses(Echo(), requests("fine", "nonsense", "good"), 8)
    assert (found["1"].text, found["1"].error) == (None, "nonsense")
    assert [found[i].text for i in "02"] == ["FINE", "GOOD"]


@pytest.mark.parametrize("room", [1, 2, 3, 5])
@pytest.mark.parametrize("one_image", [True, False])
def test_a_full_gpu_halves_the_batch_and_loses_nothing(room: int, one_image: bool) -> None:
    model, stats = Echo(room=room), InferenceStats()
    prompts = [f"question {number}" for number in range(23)]
    asked = about("cat", *prompts) if one_image else requests(*prompts)
    found = list(run_requests(BatchedEngine(model, 8), asked, stats))
    assert sorted(number for number, _ in found) == list(range(23))
    assert all(response.text == response.prompt.upper() for _, response in found)
    assert max(map(len, model.batches)) <= room
    assert stats.oom_retries > 0


def test_after_a_shortage_of_memory_batches_stay_small() -> None:
    model, stats = Echo(room=4), InferenceStats()
    asked = requests(*(f"question {n:02}" for n in range(4000)))
    list(BatchedEngine(model, 8).generate(asked, stats))
    assert stats.oom_retries < 20  # those that were planned ahead, and no more


def test_batches_that_were_planned_before_a_shortage_halve_the_budget_no_further() -> None:
    budget = BatchBudget(max_tokens=100, max_requests=None)
    batch = [BatchRow(OneImage((0,), (Asked("number 001", ""),)), ()) for _ in range(8)]
    for _ in range(3):
        budget.halve(batch)
    assert budget.max_tokens == 40


def test_a_request_too_large_even_alone_fails_with_the_reason() -> None:
    found = responses(Echo(huge="too much"), requests("too much", "a", "b"), 4)
    assert "memory" in (found["0"].error or "")
    assert (found["1"].text, found["2"].text) == ("A", "B")


def test_a_bug_in_the_model_is_not_swallowed() -> None:
    class Buggy(Echo):
        def generate(self, rows: Sequence[Any], images: Mapping[Any, Any]) -> list[list[Generation]]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        responses(Buggy(), requests("x"), 2)


def test_leaving_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    answers = run_requests(BatchedEngine(Echo(max_batch_tokens=3)), requests(*"abcdefghijklmnop"))
    next(answers)
    answers.close()
    assert threading.active_count() == before


def test_only_a_few_images_are_held_ahead() -> None:
    model = Echo(max_batch_tokens=1)
    answers = run_requests(BatchedEngine(model), [one for n in range(200) for one in about(f"image {n}", f"{n}")])
    next(answers)
    assert len(model.looked) < 20
    answers.close()


@dataclass
class Preparing(Echo):
    """Prepares whole batches."""

    threads: list[str] = field(default_factory=list)

    def prepare(self, rows: Sequence[Any], images: Mapping[Any, Any]) -> list[str]:
        self.threads.append(threading.current_thread().name)
        return [images[Named(row.prompts[0].image)] for row in rows]

    def generate(self, rows: Sequence[Any], images: Any) -> list[list[Generation]]:
        answers = super().generate(rows, {})
        return [[replace(answer, text=pixels)] for pixels, (answer,) in zip(images, answers, strict=True)]


ANIMALS = about("cat", "aaaa") + about("broken", "bbb") + about("dog", "cc") + about("cow", "d")


@pytest.mark.parametrize(
    ("room", "images"),
    [(1000, ("cat", "dog", "cow")), (1000, ("cat", "broken", "dog", "cow")), (2, ("cat", "dog", "cow"))],
    ids=["whole", "without an unreadable image", "in halves"],
)
def test_a_model_may_prepare_a_batch_and_gets_what_belongs_to_its_rows(room: int, images: tuple[str, ...]) -> None:
    model = Preparing(room)
    asked = [request for request in ANIMALS if request.images[0].label in images]
    answers = responses(model, asked)
    assert [answers[request.sample_id].text for request in asked] == [
        None if image == "broken" else f"pixels of {image}" for image in images
    ]
    ahead = [name != threading.main_thread().name for name in model.threads]
    assert ahead == ([False] if "broken" in images else [True] + [False] * (2 if room == 2 else 0))
