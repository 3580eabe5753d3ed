"""The engine around a TextModel, a model of one method: batches of messages in, texts out."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import open_rgb
from emma_eval.inference.batched import is_out_of_memory, release_memory
from emma_eval.inference.engine import EngineDescription, Outcome
from emma_eval.inference.prefetch import prefetch, worker_threads
from emma_eval.inference.preparation import MAX_IMAGE_WORKERS, PREFETCH_BATCHES
from emma_eval.models.base import Message, TextModel
from emma_eval.types import Failure, Generation, InferenceStats, Request
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource

DEFAULT_BATCH_SIZE = 8  # for `auto`, where the model has no `batch_size` of its own

Chunk = Sequence[tuple[int, Request]]
ImageFutures = dict["ImageSource", "Future[Image]"]


@dataclass(frozen=True, slots=True)
class SimpleEngine:
    """Runs a TextModel in batches, in the order of the requests. A failure costs the message that it is about alone."""

    model: TextModel
    batch_size: int | Literal["auto"] = "auto"

    def describe(self) -> EngineDescription:
        """What the model says of itself."""
        return EngineDescription.of_model(self.model)

    def close(self) -> None:
        """Close the model, if it has something to close."""
        if close := getattr(self.model, "close", None):
            close()

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield each request's outcome as its batch completes."""
        size = getattr(self.model, "batch_size", DEFAULT_BATCH_SIZE) if self.batch_size == "auto" else self.batch_size
        indexed = list(enumerate(requests))
        chunks = [indexed[start : start + size] for start in range(0, len(indexed), size)]
        with worker_threads(min(MAX_IMAGE_WORKERS, usable_cpus())) as image_workers, worker_threads(1) as planner:
            idle_since = time.perf_counter()
            for chunk, futures in prefetch(_open_images(chunks, image_workers), planner, PREFETCH_BATCHES):
                messages: dict[int, Message] = {}
                for index, request in chunk:
                    try:
                        messages[index] = _message(request, futures)
                    except SampleError as error:
                        yield index, Failure(str(error), request.message)
                stats.images += len(futures)
                stats.idle_seconds += time.perf_counter() - idle_since
                yield from self._outcomes(messages, stats) if messages else ()
                idle_since = time.perf_counter()

    def _outcomes(self, messages: dict[int, Message], stats: InferenceStats) -> Iterator[Outcome]:
        """The outcomes of a batch; if the model raises, of each of its messages alone.

        Reraises the model's exception if it fails on every message before it has answered any: the model is at fault.
        """
        outcomes = self._attempt(messages, stats)
        if len(messages) > 1 and any(isinstance(outcome, Exception) for outcome in outcomes.values()):
            outcomes = {}
            for index, message in messages.items():
                outcomes |= self._attempt({index: message}, stats)
        errors = [outcome for outcome in outcomes.values() if isinstance(outcome, Exception)]
        if len(errors) == len(outcomes) and not stats.batches and not isinstance(errors[-1], SampleError):
            raise errors[-1]
        stats.batches += 1
        for index, outcome in outcomes.items():
            if isinstance(outcome, Exception):
                yield index, Failure(_reason(outcome), messages[index].text)
            else:
                yield index, outcome

    def _attempt(self, messages: dict[int, Message], stats: InferenceStats) -> dict[int, Generation | Exception]:
        """One call of the model: its answers by index, or its exception for every message."""
        start = time.perf_counter()
        try:
            texts = self._texts(list(messages.values()))
        except UserError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                release_memory()
                stats.oom_retries += 1
            stats.computing_seconds += time.perf_counter() - start
            return dict.fromkeys(messages, error)
        seconds = time.perf_counter() - start
        stats.computing_seconds += seconds
        share = seconds / len(messages)
        return {
            index: Generation(text, prompt=message.text, seconds=share)
            for (index, message), text in zip(messages.items(), texts, strict=True)
        }

    def _texts(self, messages: list[Message]) -> Sequence[str]:
        texts: Sequence[Any] = self.model.generate(messages)
        if len(texts) != len(messages) or not all(isinstance(text, str) for text in texts):
            raise UserError(
                f"the model's generate() must give {len(messages)} texts for as many messages, not {texts!r:.100}"
            )
        return texts


def _open_images(chunks: Sequence[Chunk], workers: Executor) -> Iterator[tuple[Chunk, ImageFutures]]:
    for chunk in chunks:
        images = dict.fromkeys(image for _, request in chunk for image in request.images)
        yield chunk, {image: workers.submit(open_rgb, image) for image in images}


def _message(request: Request, futures: ImageFutures) -> Message:
    images = tuple(futures[image].result() for image in request.images)
    if request.is_raw:
        raise SampleError("the model takes no complete prompt: it puts its own conversation template around a message")
    return Message(request.message, images, request.max_new_tokens, request.instruction, request.min_new_tokens)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, SampleError) else f"{type(error).__name__}: {error_message(error)}"
