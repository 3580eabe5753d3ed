"""Answers requests in left-padded batches by transformers' own `generate`, greedily."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import open_rgb
from emma_eval.models.checkpoints.devices import CPU_BATCH_TOKENS
from emma_eval.models.transformers.chat_template import ChatTemplate
from emma_eval.types import IMAGE_MARKER, Generation, ImageSource, Request
from emma_eval.utils.lru_cache import LRUCache
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY_FRACTION = 0.4  # of a GPU's free memory; the rest is for new tokens, vision tower and what `generate` copies
MAX_TOKENS = 65_536  # of a batch on a GPU
NOT_NUMBERS = "the model's logits are not numbers; try --dtype bfloat16 or float32"
SIZE_CACHE = 4096  # images whose size is remembered


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A rendered request."""

    text: str
    images: tuple[ImageSource, ...]
    max_new_tokens: int
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


class NotANumber(LogitsProcessor):  # type: ignore[misc]  # transformers is not typed
    """Remembers the rows whose logits were not numbers at any step."""

    def __init__(self) -> None:
        self.rows: Tensor | bool = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores as they are: (B, V)."""
        self.rows = self.rows | scores.isnan().any(-1)
        return scores


@dataclass
class TransformersModel:
    """A Model (see `models.base`) around a model and a processor of transformers."""

    model: Any
    processor: Any
    chat_template: ChatTemplate
    generation: GenerationConfig
    summary: str
    template: str = "own"
    _sizes: LRUCache[ImageSource, tuple[int, int]] = field(default_factory=lambda: LRUCache(SIZE_CACHE))
    _image_tokens: dict[tuple[tuple[int, int], ...], int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)  # a fast tokenizer that pads must not be used by two threads
    _answered: bool = False  # whether anything was

    def __post_init__(self) -> None:
        self.template_digest = self.chat_template.digest
        self.device: torch.device = self.model.device
        self.dtype: torch.dtype = self.model.dtype
        parameters = inspect.signature(self.model.forward).parameters
        self._refused = {"token_type_ids"} - parameters.keys()
        ids = self.generation.eos_token_id
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
        free, _ = torch.cuda.mem_get_info(self.device)
        return int(min(MAX_TOKENS, MEMORY_FRACTION * free / bytes_per_token))

    def render_prompt(self, message: str) -> str:
        """The prompt by the chat template; the bare message where that refuses it."""
        try:
            return self.chat_template.render(message)
        except SampleError:
            return message

    def tokenize(self, request: Request) -> ChatPrompt:
        """Render a request and find its length.

        How many tokens its images take depends on their sizes alone: the processor is asked once for each combination.
        Raises SampleError for an unreadable image and for a prompt that template or processor refuse.
        """
        if (markers := request.message.count(IMAGE_MARKER)) != len(request.images):
            raise SampleError(f"the prompt has {markers} image markers for {len(request.images)} images")
        text = self.chat_template.render(request.message)
        sizes = tuple(self._sizes.get_or_compute([image], self._measure)[image] for image in request.images)
        with self._lock:
            length = len(self.processor.tokenizer(text, add_special_tokens=self._adds_special(text))["input_ids"])
        if sizes and sizes not in self._image_tokens:
            images = [self.preprocess_image(image) for image in request.images]
            try:
                self._image_tokens[sizes] = self._process([text], [images])["input_ids"].shape[1] - length
            except Exception as error:
                raise SampleError(_refusal(error)) from error
        length += self._image_tokens.get(sizes, 0)
        return ChatPrompt(text, request.images, request.max_new_tokens, length)

    def preprocess_image(self, image: ImageSource) -> Image:
        """Decode an image, RGB; the processor does the rest. Raises SampleError if it is unreadable."""
        return open_rgb(image)

    def shared_prefix(self, prompts: Sequence[ChatPrompt]) -> tuple[int, ...]:
        """Nothing: `generate` computes every prompt whole."""
        return ()

    def collate(self, prompts: Sequence[ChatPrompt], prefix: tuple[int, ...] = ()) -> list[ChatRow]:
        """Each prompt as a row."""
        return [ChatRow(prompt, (index,)) for index, prompt in enumerate(prompts)]

    def generate(self, rows: Sequence[ChatRow], images: Mapping[ImageSource, Image]) -> list[list[Generation]]:
        """Each row's answer. Prompts with images and those without are computed apart, as some processors ask.

        Raises UserError if every prompt of the first batch fails, and torch's error when a GPU's memory runs out.
        """
        answers: dict[int, Generation] = {}
        for with_images in (True, False):
            part = [index for index, row in enumerate(rows) if bool(row.prompt.images) is with_images]
            if part:
                answers |= zip(part, self._answers([rows[index].prompt for index in part], images), strict=True)
        if not self._answered and all(answer.finish_reason == "error" for answer in answers.values()):
            raise UserError(f"{self.summary}: it fails at every prompt of the first batch: {answers[0].error}")
        self._answered = True
        return [[answers[index]] for index in range(len(rows))]

    def _answers(self, prompts: Sequence[ChatPrompt], images: Mapping[ImageSource, Image]) -> list[Generation]:
        """The answers of one batch; if it raises, of each prompt alone."""
        try:
            return self._greedy(prompts, [[images[image] for image in prompt.images] for prompt in prompts])
        except (torch.OutOfMemoryError, torch.AcceleratorError):  # smaller batches help, or nothing does any more
            raise
        except Exception as error:
            if len(prompts) == 1:
                return [Generation("", finish_reason="error", error=_refusal(error))]
            return [answer for prompt in prompts for answer in self._answers([prompt], images)]

    @torch.inference_mode()
    def _greedy(self, prompts: Sequence[ChatPrompt], images: Sequence[Sequence[Image]]) -> list[Generation]:
        inputs = self._process([prompt.text for prompt in prompts], images).to(self.device, self.dtype)
        length = inputs["input_ids"].shape[1]
        check = NotANumber()
        limit = max(prompt.max_new_tokens for prompt in prompts)
        output = self.model.generate(
            **inputs, generation_config=self.generation, max_new_tokens=limit, logits_processor=[check]
        )
        failed = torch.as_tensor(check.rows).expand(len(prompts)).tolist()
        return [
            Generation("", finish_reason="error", error=NOT_NUMBERS)
            if bad
            else self._generation(ids[: prompt.max_new_tokens])
            for prompt, ids, bad in zip(prompts, output[:, length:].tolist(), failed, strict=True)
        ]

    def _generation(self, ids: list[int]) -> Generation:
        """The answer of new ids, of which those behind an end id are padding."""
        end = next((place for place, token in enumerate(ids) if token in self._eos_ids), None)
        kept = ids if end is None else ids[: end + 1]
        with self._lock:
            text = self.processor.tokenizer.decode(kept, skip_special_tokens=True)
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

    def _measure(self, images: Sequence[ImageSource]) -> list[tuple[int, int]]:
        return [self.preprocess_image(image).size for image in images]

    def _adds_special(self, text: str) -> bool:
        bos = self.processor.tokenizer.bos_token
        return not (bos and text.startswith(bos))


def _refusal(error: Exception) -> str:
    return f"the prompt is refused: {type(error).__name__}: {error_message(error):.300}"
