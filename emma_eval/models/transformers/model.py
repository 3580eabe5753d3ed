"""Answers requests in left-padded batches by transformers' own `generate`, greedily."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from PIL.Image import new as new_image
from transformers import LogitsProcessor

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import image_size, open_rgb
from emma_eval.models.checkpoints.devices import CPU_BATCH_TOKENS
from emma_eval.models.transformers.chat_template import ChatTemplate
from emma_eval.models.transformers.generation import EndsBarred, NotFinite
from emma_eval.models.transformers.placement import context_length, free_memory
from emma_eval.types import IMAGE_MARKER, Generation, ImageSource, Request
from emma_eval.utils.lru_cache import LRUCache
from emma_eval.utils.text import error_message, pluralize

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY_FRACTION = 0.4  # of a GPU's free memory; the rest is for new tokens, vision tower and what `generate` copies
MAX_TOKENS = 65_536  # of a batch on a GPU
NOT_FINITE = "the model's logits are not finite; try --dtype bfloat16 or float32"
SIZE_CACHE = 4096  # images whose size is remembered


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A rendered request."""

    text: str
    images: tuple[ImageSource, ...]
    max_new_tokens: int
    min_new_tokens: int
    num_tokens: int  # images' tokens included
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A prompt as a row of a batch."""

    prompt: ChatPrompt
    indices: tuple[int, ...]
    prefix: tuple[int, ...] = ()

    @property
    def num_tokens(self) -> int:
        """The prompt's length."""
        return self.prompt.num_tokens


@dataclass(frozen=True, slots=True)
class PreparedPart:
    """Rows of a batch that are computed together."""

    indices: tuple[int, ...]  # in the batch
    images: Sequence[Sequence[Image]]  # of each
    inputs: Any  # what the processor makes of them: ids, mask, pixels; None if it refused


PreparedBatch = tuple[PreparedPart, ...]


@dataclass
class TransformersModel:
    """A Model (see `models.base`) around a model and a processor of transformers."""

    model: Any
    processor: Any
    chat_template: ChatTemplate
    summary: str = ""
    template: str = "own"
    takes_raw_prompts: bool = True
    _sizes: LRUCache[ImageSource, tuple[int, int]] = field(default_factory=lambda: LRUCache(SIZE_CACHE))
    _image_tokens: dict[tuple[tuple[int, int], ...], int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)  # a processor's tokenizer, which pads, must not be used by two threads
    _answered: bool = False  # whether anything was

    def __post_init__(self) -> None:
        self._tokenizer = deepcopy(self.processor.tokenizer)  # this one does not pad
        self.template_digest = self.chat_template.digest
        self.device: torch.device = self.model.device
        self.dtype: torch.dtype = self.model.dtype
        parameters = inspect.signature(self.model.forward).parameters
        self._refused = {"token_type_ids"} - parameters.keys()
        self.max_length = context_length(self.model.config.get_text_config())
        ids = self.model.generation_config.eos_token_id
        self._eos_ids = set(ids) if isinstance(ids, list) else {ids}

    @property
    def max_batch_tokens(self) -> int:
        """How many tokens a batch may hold: on a GPU by its free memory, keys and values of all heads."""
        if self.device.type != "cuda":
            return CPU_BATCH_TOKENS
        config = self.model.config.get_text_config()
        hidden = config.hidden_size
        activations = 3 * getattr(config, "intermediate_size", 4 * hidden) + 6 * hidden
        bytes_per_token = self.dtype.itemsize * (2 * config.num_hidden_layers * hidden + activations)
        return int(min(MAX_TOKENS, MEMORY_FRACTION * free_memory(self.model) / bytes_per_token))

    def render_prompt(self, message: str) -> str:
        """The prompt by the chat template; the bare message where that refuses it."""
        try:
            return self.chat_template.render(message)
        except SampleError:
            return message

    def tokenize(self, request: Request) -> ChatPrompt:
        """Render a request and find its length.

        How many tokens its images take depends on their sizes alone: the processor is asked once for each combination.
        Raises SampleError for an unreadable image, a prompt that template or processor refuse, and one that is longer
        than the model's context, where answers end too.
        """
        text = self._text(request)
        sizes = tuple(self._sizes.get_or_compute([image], _measure)[image] for image in request.images)
        length = len(self._tokenizer(text, add_special_tokens=self._adds_special(text))["input_ids"])
        if sizes and sizes not in self._image_tokens:
            blank = [new_image("RGB", size) for size in sizes]
            try:
                self._image_tokens[sizes] = self._process([text], [blank])["input_ids"].shape[1] - length
            except Exception as error:
                raise SampleError(_refusal(error)) from error
        length += self._image_tokens.get(sizes, 0)
        if self.max_length is not None and length > self.max_length:
            raise SampleError(f"the prompt has {length:,} tokens, and the model reads {self.max_length:,} at most")
        room = request.max_new_tokens if self.max_length is None else self.max_length - length + 1
        limit = min(request.max_new_tokens, room)
        return ChatPrompt(text, request.images, limit, request.min_new_tokens, length)

    def preprocess_image(self, image: ImageSource) -> Image:
        """Decode an image, RGB; the processor does the rest. Raises SampleError if it is unreadable."""
        return open_rgb(image)

    def shared_prefix(self, prompts: Sequence[ChatPrompt]) -> tuple[int, ...]:
        """Nothing: `generate` computes every prompt whole."""
        return ()

    def collate(self, prompts: Sequence[ChatPrompt], prefix: tuple[int, ...] = ()) -> list[ChatRow]:
        """Each prompt as a row."""
        return [ChatRow(prompt, (index,)) for index, prompt in enumerate(prompts)]

    def prepare(self, rows: Sequence[ChatRow], images: Mapping[ImageSource, Image]) -> PreparedBatch:
        """A batch in two parts, prompts with images and those without, as some processors ask."""
        parts = []
        for with_images in (True, False):
            if chosen := [index for index, row in enumerate(rows) if bool(row.prompt.images) is with_images]:
                shown = [[images[image] for image in rows[index].prompt.images] for index in chosen]
                inputs = None
                with suppress(Exception):  # of one prompt, which is found when they are answered one by one
                    inputs = self._process([rows[index].prompt.text for index in chosen], shown)
                parts.append(PreparedPart(tuple(chosen), shown, inputs))
        return tuple(parts)

    def generate(self, rows: Sequence[ChatRow], prepared: PreparedBatch) -> list[list[Generation]]:
        """Each row's answer.

        Raises UserError if every prompt of the first batch fails, and torch's error when a GPU's memory runs out.
        """
        answers: dict[int, Generation] = {}
        for part in prepared:
            prompts = [rows[index].prompt for index in part.indices]
            answers |= zip(part.indices, self._answers(prompts, part.images, part.inputs), strict=True)
        if not self._answered and all(answer.finish_reason == "error" for answer in answers.values()):
            raise UserError(f"{self.summary}: it fails at every prompt of the first batch: {answers[0].error}")
        self._answered = True
        return [[answers[index]] for index in range(len(rows))]

    def _answers(
        self, prompts: Sequence[ChatPrompt], images: Sequence[Sequence[Image]], inputs: Any = None
    ) -> list[Generation]:
        """The answers of one batch; if it raises, of each prompt alone. `inputs` is what the processor made of them."""
        try:
            return self._greedy(prompts, inputs or self._process([prompt.text for prompt in prompts], images))
        except (torch.OutOfMemoryError, torch.AcceleratorError):  # smaller batches help, or nothing does any more
            raise
        except Exception as error:
            if len(prompts) == 1:
                return [Generation("", finish_reason="error", error=_refusal(error))]
            alone = zip(prompts, images, strict=True)
            return [answer for prompt, shown in alone for answer in self._answers([prompt], [shown])]

    @torch.inference_mode()
    def _greedy(self, prompts: Sequence[ChatPrompt], inputs: Any) -> list[Generation]:
        inputs = inputs.to(self.device, self.dtype)
        length = inputs["input_ids"].shape[1]
        check = NotFinite()
        processors: list[LogitsProcessor] = [check]
        if any(least := [prompt.min_new_tokens for prompt in prompts]):
            processors.append(EndsBarred(least, length, self._eos_ids))
        limit = max(prompt.max_new_tokens for prompt in prompts)
        output = self.model.generate(**inputs, max_new_tokens=limit, logits_processor=processors)
        failed = torch.as_tensor(check.rows).expand(len(prompts)).tolist()
        return [
            Generation("", finish_reason="error", error=NOT_FINITE)
            if bad
            else self._generation(ids[: prompt.max_new_tokens])
            for prompt, ids, bad in zip(prompts, output[:, length:].tolist(), failed, strict=True)
        ]

    def _generation(self, ids: list[int]) -> Generation:
        """The answer of new ids, of which those behind an end id are padding."""
        end = next((place for place, token in enumerate(ids) if token in self._eos_ids), None)
        kept = ids if end is None else ids[: end + 1]
        text = self._tokenizer.decode(kept, skip_special_tokens=True)
        return Generation(text.strip(), tuple(kept), "length" if end is None else "stop")

    def _process(self, texts: list[str], images: Sequence[Sequence[Image]]) -> Any:
        """Ids, mask and pixels of prompts, padded on the left. A template that begins with <s> has it already."""
        shown = [list(of_prompt) for of_prompt in images] if any(images) else None
        with self._lock:
            special = self._adds_special(texts[0])
            inputs = self.processor(
                text=texts, images=shown, padding=True, return_tensors="pt", add_special_tokens=special
            )
        for name in self._refused & inputs.keys():
            del inputs[name]
        return inputs

    def refusal_of_an_image(self) -> str:
        """Why the processor refuses a rendered prompt with an image; nothing if it does not."""
        try:
            self._process([self.chat_template.render(f"{IMAGE_MARKER}\nWhat is it?")], [[new_image("RGB", (224, 224))]])
        except Exception as error:
            return _refusal(error)
        return ""

    def _text(self, request: Request) -> str:
        """The whole prompt, an image token of the processor's for each image. Raises SampleError where they differ."""
        marker, message = IMAGE_MARKER, request.message
        if request.is_raw and (token := getattr(self.processor, "image_token", None)):
            marker, message = token, message.replace(IMAGE_MARKER, token)
        if (markers := message.count(marker)) != len(request.images):
            shown = pluralize(len(request.images), "image")
            raise SampleError(
                f"the prompt has {pluralize(markers, 'image marker')} for {shown}; one {marker} is needed for each"
            )
        return message if request.is_raw else self.chat_template.render(message)

    def _adds_special(self, text: str) -> bool:
        bos = self.processor.tokenizer.bos_token
        return not (bos and text.startswith(bos))


def _measure(images: Sequence[ImageSource]) -> list[tuple[int, int]]:
    return [image_size(image) for image in images]


def _refusal(error: Exception) -> str:
    return f"the prompt is refused: {type(error).__name__}: {error_message(error):.300}"
