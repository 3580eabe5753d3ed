"""Every architecture answers through the harness as transformers answers each prompt alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from emma_eval.errors import SampleError, UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.models import load_model
from emma_eval.models.transformers.chat_template import conversation
from emma_eval.models.transformers.model import NOT_NUMBERS
from emma_eval.types import IMAGE_MARKER, Failure, Generation, InferenceStats, Request
from tests.fakes import make_image
from tests.models.transformers import tiny_models


@dataclass(frozen=True)
class Picture:
    """Equal pictures are the same image."""

    width: int
    height: int

    @property
    def label(self) -> str:
        return f"{self.width}x{self.height}"

    name = label

    def exists(self) -> bool:
        return True

    def open(self) -> Image.Image:
        if not self.height:
            raise SampleError(f"{self.label}: broken")
        return make_image(self.width, self.height, self.width)


WIDE, TALL, LARGE = Picture(50, 30), Picture(30, 60), Picture(90, 85)
ASKED = (
    ("<image>\nWhat is on the left?", (WIDE,)),
    ("<image>\nIs it a longer question than the first one?", (TALL,)),
    ("A: <image>\nB: <image>\nWhich?", (WIDE, LARGE)),
    ("No picture at all?", ()),
    ("<image>\nShort?", (LARGE,)),
    ("Text", ()),
    ("<image>\n<image>\n<image>\nThree?", (WIDE, TALL, LARGE)),
    ("<image>\nEh?", (TALL,)),
)
REQUESTS = [
    Request(str(number), 0, message, "", images, 6 + number % 3) for number, (message, images) in enumerate(ASKED)
]


@pytest.fixture(scope="session", params=tiny_models.ARCHITECTURES)
def model(request: Any, tmp_path_factory: Any) -> Any:
    folder = tiny_models.write(request.param, tmp_path_factory.mktemp("transformers") / request.param)
    return load_model(f"hf:{folder}", device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def llava(tmp_path_factory: Any) -> Any:
    folder = tiny_models.write("llava", tmp_path_factory.mktemp("transformers") / "alone")
    return load_model(f"hf:{folder}", device="cpu")


def answers(model: Any, size: int, requests: list[Request] = REQUESTS) -> tuple[list[Any], InferenceStats]:
    stats = InferenceStats()
    outcomes = dict(BatchedEngine(model, size).generate(requests, stats))
    return [replace(outcomes[index], seconds=0.0) for index in range(len(requests))], stats


def answer_of_transformers(model: Any, request: Request) -> list[int]:
    """By the processor's own `apply_chat_template`, alone."""
    images = iter(request.images)
    messages = conversation(request.message)
    for part in messages[0]["content"]:
        if part["type"] == "image":
            part["image"] = next(images).open()
    inputs = model.processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    inputs.pop("token_type_ids", None)
    with torch.inference_mode():
        ids = model.model.generate(**inputs, do_sample=False, max_new_tokens=request.max_new_tokens)
    return ids[0, inputs["input_ids"].shape[1] :].tolist()


def test_batches_of_any_size_answer_as_transformers_does_alone(model: Any) -> None:
    together, stats = answers(model, 8)
    alone, _ = answers(model, 1)
    assert all(isinstance(answer, Generation) for answer in together)
    assert together == alone
    assert [list(answer.token_ids) for answer in together] == [answer_of_transformers(model, r) for r in REQUESTS]
    assert len({answer.token_ids for answer in together}) > 5  # the weights are not such that all is the same
    assert (stats.batches, stats.images) == (1, 3)


def test_a_prompt_is_as_long_as_the_processor_makes_it(model: Any) -> None:
    """Lengths of a combination of images' sizes are computed once and serve other texts."""
    for request in REQUESTS:
        prompt = model.tokenize(replace(request, message=request.message + " Really?"))
        images = [[model.preprocess_image(image) for image in request.images]]
        assert prompt.num_tokens == model._process([prompt.text], images)["input_ids"].shape[1]
        assert len(model.collate([prompt, prompt])) == 2


def test_images_and_texts_keep_their_order_and_line_ends_beside_images_are_the_templates() -> None:
    (message,) = conversation("One: <image>\nTwo: <image>\nWhich\nis it?")
    texts = [part.get("text", IMAGE_MARKER) for part in message["content"]]
    assert texts == ["One: ", IMAGE_MARKER, "Two: ", IMAGE_MARKER, "Which\nis it?"]
    assert conversation("")[0]["content"] == []


def test_an_answer_ends_at_an_end_id_of_the_generation_config(llava: Any) -> None:
    (whole,), _ = answers(llava, 8, REQUESTS[:1])
    assert whole.finish_reason == "length"
    before = llava._eos_ids, llava.generation.eos_token_id
    end = whole.token_ids[2]
    llava._eos_ids, llava.generation.eos_token_id = {2, end}, [2, end]
    try:
        ended, _ = answers(llava, 8)
        assert ended[0].finish_reason == "stop"
        assert ended[0].token_ids == whole.token_ids[: whole.token_ids.index(end) + 1]
        assert ended == answers(llava, 1)[0]
    finally:
        llava._eos_ids, llava.generation.eos_token_id = before


def test_what_cannot_be_asked_fails_alone(llava: Any) -> None:
    broken = [
        Request("a", 0, "<image>\nWhat?", "", (Picture(9, 0),)),
        Request("b", 0, "What?", "", (WIDE,)),
        Request("c", 0, "<image>\nWhat?", "", (Picture(33, 30),)),
    ]
    outcomes, _ = answers(llava, 8, [*broken, *REQUESTS])
    assert [type(outcome) for outcome in outcomes] == [Failure, Failure, Generation] + [Generation] * 8
    assert outcomes[0].reason == "9x0: broken"
    assert outcomes[1].reason == "the prompt has 0 image markers for 1 images"
    assert outcomes[0].prompt == "<s>user: <image>What? assistant:"
    assert outcomes[3:] == answers(llava, 1)[0]


def test_a_prompt_that_the_processor_refuses_in_a_batch_fails_alone(llava: Any, monkeypatch: Any) -> None:
    process = type(llava)._process

    def refusing(self: Any, texts: list[str], images: Any) -> Any:
        if any("Short" in text for text in texts):
            raise ValueError("no such thing")
        return process(self, texts, images)

    expected, _ = answers(llava, 1)
    monkeypatch.setattr(type(llava), "_process", refusing)
    outcomes, _ = answers(llava, 8)
    assert outcomes[4] == Failure("the prompt is refused: ValueError: no such thing", expected[4].prompt, 0.0, False)
    assert outcomes[:4] + outcomes[5:] == expected[:4] + expected[5:]


def test_a_batch_that_does_not_fit_into_memory_is_halved(llava: Any, monkeypatch: Any) -> None:
    greedy = type(llava)._greedy
    sizes: list[int] = []

    def small(self: Any, prompts: Any, images: Any) -> Any:
        sizes.append(len(prompts))
        if len(prompts) > 2:
            raise torch.cuda.OutOfMemoryError("too much")
        return greedy(self, prompts, images)

    expected, _ = answers(llava, 1)
    monkeypatch.setattr(type(llava), "_greedy", small)
    outcomes, stats = answers(llava, 8)
    assert outcomes == expected
    assert stats.oom_retries
    assert max(sizes) > 2


def test_logits_that_are_not_numbers_fail_the_row(llava: Any, monkeypatch: Any) -> None:
    generate = llava.model.generate

    def with_nan(logits_processor: Any, **inputs: Any) -> Any:
        output = generate(logits_processor=logits_processor, **inputs)
        rows = len(output)
        logits_processor[0](None, torch.tensor([[float("nan")]] + [[0.0]] * (rows - 1)))
        return output

    monkeypatch.setattr(llava.model, "generate", with_nan)
    outcomes, _ = answers(llava, 8, REQUESTS[:2])
    assert sorted(isinstance(outcome, Failure) for outcome in outcomes) == [False, True]
    assert next(outcome.reason for outcome in outcomes if isinstance(outcome, Failure)) == NOT_NUMBERS


def test_a_model_that_fails_at_everything_ends_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    model = load_model(f"hf:{tiny_models.write('llava', tmp_path / 'm')}", device="cpu")
    monkeypatch.setattr(model.model, "generate", lambda **_: 1 / 0)
    with pytest.raises(UserError, match=r"it fails at every prompt of the first batch: .*ZeroDivisionError"):
        answers(model, 8)
