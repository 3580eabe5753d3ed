"""The engine of one-method models: every message has an outcome, and a failure costs none but its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ImageFile
from emma_eval.inference.simple import SimpleEngine
from emma_eval.models.base import Message
from emma_eval.types import Failure, Generation, InferenceStats, Request


class Echo:
    """Repeats messages; `check` may raise at one. It notes the sizes of the batches that it is given."""

    def __init__(self, check: Callable[[str], None] = lambda text: None) -> None:
        self.check, self.sizes = check, list[int]()

    def generate(self, messages: Sequence[Message]) -> list[str]:
        self.sizes.append(len(messages))
        for message in messages:
            self.check(message.text)
        return [message.text.upper() for message in messages]


def outcomes(model: object, *texts: str, batch_size: int = 4) -> list[Generation | Failure]:
    requests = [Request(str(index), 0, text, "") for index, text in enumerate(texts)]
    found = dict(SimpleEngine(model, batch_size).generate(requests, InferenceStats()))  # type: ignore[arg-type]
    assert sorted(found) == list(range(len(texts)))
    return [found[index] for index in range(len(texts))]


def said(outcome: Generation | Failure) -> str:
    return outcome.reason if isinstance(outcome, Failure) else outcome.text


def test_messages_are_answered_in_batches_under_their_own_index() -> None:
    model = Echo()
    assert [said(one) for one in outcomes(model, *"abcdefghij")] == list("ABCDEFGHIJ")
    assert model.sizes == [4, 4, 2]


@pytest.mark.parametrize("error", [SampleError("too odd"), ValueError("too odd"), IndexError("too odd")])
def test_a_message_that_fails_does_not_take_its_batch_along(error: Exception) -> None:
    def check(text: str) -> None:
        if text == "c":
            raise error

    found = outcomes(Echo(check), *"abcdef")
    assert [said(one) for one in found if isinstance(one, Generation)] == list("ABDEF")
    (failure,) = (one for one in found if isinstance(one, Failure))
    assert failure.reason == ("too odd" if isinstance(error, SampleError) else f"{type(error).__name__}: too odd")


def test_a_model_that_can_answer_nothing_is_not_asked_a_million_times() -> None:
    def check(text: str) -> None:
        raise ZeroDivisionError

    model = Echo(check)
    with pytest.raises(ZeroDivisionError):
        outcomes(model, *"abcdefghij")
    assert model.sizes == [4, 1, 1, 1, 1]


def test_a_full_gpu_is_asked_again_one_by_one() -> None:
    torch = pytest.importorskip("torch")

    class Crowded(Echo):
        def generate(self, messages: Sequence[Message]) -> list[str]:
            if len(messages) > 1:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().generate(messages)

    assert [said(one) for one in outcomes(Crowded(), *"abcd")] == list("ABCD")


@pytest.mark.parametrize("texts", [["one"], ["one", "two", "three"], [None, "two"]])
def test_another_number_of_texts_is_the_models_fault(texts: list[str]) -> None:
    class Wrong:
        def generate(self, messages: Sequence[Message]) -> list[str]:
            return texts

    with pytest.raises(UserError, match=r"generate\(\) must give 2 texts for as many messages"):
        outcomes(Wrong(), "a", "b")


def test_images_come_decoded_in_their_order_and_a_broken_one_fails_its_requests_alone(tmp_path: Path) -> None:
    for colour in ("red", "blue"):
        Image.new("P" if colour == "red" else "RGB", (2, 2), colour).save(tmp_path / f"{colour}.png")
    (tmp_path / "broken.png").write_bytes(b"broken")
    red, blue, broken = (ImageFile(tmp_path, f"{name}.png") for name in ("red", "blue", "broken"))
    seen: list[Message] = []

    class Looking(Echo):
        def generate(self, messages: Sequence[Message]) -> list[str]:
            seen.extend(messages)
            return super().generate(messages)

    requests = [
        Request("1", 0, "<image>\nand <image>?", "", (red, blue)),
        Request("2", 0, "<image>\nwhat?", "", (broken,)),
    ]
    found = dict(SimpleEngine(Looking()).generate(requests, InferenceStats()))
    assert isinstance(found[1], Failure)
    assert "broken.png" in found[1].reason
    (message,) = seen
    assert message.parts[1::2] == ["\nand ", "?"]
    assert [image.mode for image in message.images] == ["RGB", "RGB"]
    assert message.images[0].getpixel((0, 0)) == (255, 0, 0)


def test_leaving_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    generated = SimpleEngine(Echo()).generate([Request(str(n), 0, "a", "") for n in range(100)], InferenceStats())
    next(generated)
    generated.close()
    assert threading.active_count() == before
