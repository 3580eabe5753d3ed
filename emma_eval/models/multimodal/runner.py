"""Answers requests with a multimodal model: tokenization, caches, KV cache, CUDA graphs, batched greedy decoding.

The architecture is an nn.Module that this knows by the few methods of `interfaces.MultimodalModel`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emma_eval.errors import SampleError
from emma_eval.images.sources import UnpaddedImage, naming
from emma_eval.models.checkpoints.devices import CPU_BATCH_TOKENS
from emma_eval.models.checkpoints.templates import DEFAULT_TEMPLATE, render_prompt
from emma_eval.models.clip.image_processor import ImageProcessor
from emma_eval.models.llama.cuda_graphs import DecodeGraphs
from emma_eval.models.llama.generation import Continuation, DecodeState, Limits, greedy, prefill
from emma_eval.models.llama.kv_cache import KVCache, LayerKV
from emma_eval.models.llama.memory import max_batch_tokens
from emma_eval.models.llama.prefix_trie import (
    IMAGE_ID,
    ImageSpan,
    PrefixTrie,
    PromptItem,
    build_trie,
    num_slots,
    shared_prefix,
)
from emma_eval.models.multimodal import batching, first_token, not_finite
from emma_eval.models.multimodal.batching import MultimodalPrompt, TrieRow
from emma_eval.models.multimodal.first_token import Groups, LogProbs
from emma_eval.models.multimodal.interfaces import ModelT, Tokenizer
from emma_eval.types import IMAGE_MARKER, Generation, ImageSource, Request
from emma_eval.utils.lru_cache import LRUCache
from emma_eval.utils.text import pluralize

# (3, S, S) each: resized and cropped, not yet normalized; or an image's features, as `encode_images` gives them
Pixels = Mapping[ImageSource, NDArray[np.uint8] | Tensor]
InstructionIds = tuple[int, ...]

VISION_CACHE_SIZE = 256  # images whose features are kept for later questions about them
TEXT_CACHE_SIZE = 1024  # instructions whose features are kept
VISION_BATCH = 64  # images that go through the vision tower at a time,
VISION_PIXELS = VISION_BATCH * 336**2  # and how many pixels at most: an image's memory grows with them


@dataclass(eq=False)
class ModelRunner(Generic[ModelT]):
    """A model that answers Requests in batches (see `models.base.Model`).

    `dataclasses.replace(runner)` gives one of the same model with empty caches.
    """

    model: ModelT
    tokenizer: Tokenizer
    processor: ImageProcessor
    eos_ids: frozenset[int]
    max_length: int | None  # prompts with images are truncated to so many tokens, on the right
    family: str  # whose evaluation scripts word the questions for this model: `emma`, `llava`
    tokenize_instruction: Callable[[str], InstructionIds] | None = None  # None: the model reads no instruction
    max_tokens: int | None = None  # which prompt and answer together may have
    template: str = DEFAULT_TEMPLATE  # the name of the conversation template
    summary: str = ""  # in words: architecture, version, towers, type, and what of the checkpoint is not used

    vision_cache: LRUCache[ImageSource, Tensor] = field(init=False)  # image -> features
    text_cache: LRUCache[InstructionIds, Tensor] = field(init=False)  # instruction -> features
    prefix_cache: dict[tuple[int, ...], LayerKV] = field(init=False)  # the last prefix alone: a run has one
    kv_cache: KVCache = field(init=False)
    decode_graphs: DecodeGraphs | None = field(init=False)  # on CUDA

    def __post_init__(self) -> None:
        llama = self.model.llama
        self.vision_cache, self.text_cache = LRUCache(VISION_CACHE_SIZE), LRUCache(TEXT_CACHE_SIZE)
        self.prefix_cache = {}
        self.kv_cache = KVCache(llama.config, llama.dtype, llama.device)
        self.decode_graphs = DecodeGraphs(llama, self.kv_cache) if llama.device.type == "cuda" else None
        table = torch.from_numpy(self.processor.normalization_table())  # (3, 256)
        self._normalization_table = table.flatten().to(llama.device, llama.dtype)

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.model.llama.device

    @property
    def takes_raw_prompts(self) -> bool:
        """Whether a request may be a whole prompt; its question, which an instruction needs, is not told apart."""
        return self.tokenize_instruction is None

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the model."""
        return self.model.llama.dtype

    @property
    def num_parameters(self) -> int:
        """How many weights are loaded; layers that no answer depends on are not."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def max_batch_tokens(self) -> int:
        """How many tokens a batch may hold: on a GPU by its free memory, on a CPU by what its caches like."""
        return max_batch_tokens(self.model.llama) if self.device.type == "cuda" else CPU_BATCH_TOKENS

    def render_prompt(self, message: str) -> str:
        """The prompt that the language model reads: the message in the model's conversation template."""
        return render_prompt(message.replace(IMAGE_MARKER, self.tokenizer.image_marker), self.template)

    def tokenize(self, request: Request) -> MultimodalPrompt:
        """Tokenize a request. Raises SampleError unless it has an image marker for each image."""
        ids = self.tokenizer.encode_prompt(request.prompt(self.render_prompt))
        if not ids:
            raise SampleError("the prompt is empty")
        if (markers := ids.count(IMAGE_ID)) != len(request.images):
            shown = pluralize(len(request.images), "image")
            needed = f"one {self.tokenizer.image_marker} is needed for each"
            raise SampleError(f"the prompt has {pluralize(markers, 'image marker')} for {shown}; {needed}")
        instruction = self.tokenize_instruction(request.instruction) if self.tokenize_instruction else None
        spans = (ImageSpan(image, instruction, self.model.num_image_tokens) for image in request.images)
        items: list[PromptItem] = [next(spans) if token == IMAGE_ID else token for token in ids]
        max_length = self.max_length if request.images else None  # the reference truncates no text without images
        kept = list(batching.truncate(items, max_length))
        limits = Limits(request.max_new_tokens, request.min_new_tokens)
        length = sum(map(num_slots, kept)) + limits.most - 1  # the last new token is not read
        if self.max_tokens is not None and length > self.max_tokens:
            raise SampleError(f"prompt and answer may have {length:,} tokens; the model reads {self.max_tokens:,}")
        return MultimodalPrompt(tuple(ids), instruction, request.images, tuple(kept), limits, truncated=kept != items)

    def preprocess_image(self, image: ImageSource) -> NDArray[np.uint8] | Tensor:
        """Decode, resize and crop an image: (3, S, S); one whose features are cached is not opened, they are given.

        Raises SampleError if it is unreadable. Any thread may call.
        """
        features = self.vision_cache.get(image)
        return self.to_pixels(image) if features is None else features

    def to_pixels(self, image: ImageSource) -> NDArray[np.uint8]:
        """Decode, resize and crop an image: (3, S, S). Raises SampleError if it is unreadable."""
        processor = self.processor
        if isinstance(image, UnpaddedImage) and processor.squaring == "pad":
            processor = replace(processor, squaring="none")
        with naming(image):
            return processor.pixels_uint8(image.open())

    def shared_prefix(self, prompts: Sequence[MultimodalPrompt]) -> tuple[int, ...]:
        """The ids that all prompts begin with, whose keys and values are computed once: the system text."""
        return shared_prefix([prompt.items for prompt in prompts])

    def collate(self, prompts: Sequence[MultimodalPrompt], prefix: tuple[int, ...] = ()) -> list[TrieRow]:
        """Prompts as rows of a batch, each prompt in one row; see `batching.collate`."""
        return batching.collate(prompts, prefix)

    @torch.inference_mode()
    def generate(self, rows: Sequence[TrieRow], pixels: Pixels) -> list[list[Generation]]:
        """Each row's answers, in the order of its `indices`, decoded greedily; `pixels` holds all their images."""
        logits, state = self.prefill(rows, pixels)
        limits = [limit for row in rows for limit in row.limits]
        answers = iter(greedy(self.model.llama, logits, state, limits, self.eos_ids))
        return [[self.to_generation(next(answers)) for _ in row.indices] for row in rows]

    def token_texts(self) -> dict[int, str]:
        """The text of each id of the vocabulary; see `first_token`."""
        return first_token.texts_of_tokens(self.tokenizer.decode, self.model.llama.config.vocab_size)

    @torch.inference_mode()
    def first_token_log_probs(self, rows: Sequence[TrieRow], pixels: Pixels, groups: Groups) -> list[list[LogProbs]]:
        """The log of the probability that each answer begins with one of each group's ids; see `first_token`."""
        found = iter(first_token.group_log_probs(self.prefill(rows, pixels)[0], groups))
        return [[next(found) for _ in row.indices] for row in rows]

    def ask(self, requests: Sequence[Request]) -> list[Generation]:
        """Answer a few requests as one batch, in order. Raises SampleError if one cannot be answered."""
        prompts = [self.tokenize(request) for request in requests]
        images = {image: self.preprocess_image(image) for prompt in prompts for image in prompt.images}
        rows = self.collate(prompts)
        answers: dict[int, Generation] = {}
        for row, generations in zip(rows, self.generate(rows, images), strict=True):
            answers |= dict(zip(row.indices, generations, strict=True))
        if error := next((answer.error for answer in answers.values() if answer.error), ""):
            raise SampleError(error)
        return [answers[index] for index in range(len(prompts))]

    def prefill(self, rows: Sequence[TrieRow], pixels: Pixels) -> tuple[Tensor, DecodeState]:
        """Compute a batch's prompts: logits (P, V) of each first new token, row by row, and the decoding state."""
        tries = [row.trie for row in rows]
        prefix_ids = next((row.prefix for row in rows if row.prefix), ())
        if prefix_ids and prefix_ids not in self.prefix_cache:  # a prefill of its own, before the batch's
            self.prefix_cache = {prefix_ids: self._compute_prefix(prefix_ids)}
        prefix = self.prefix_cache[prefix_ids] if prefix_ids else ()
        logits, state = prefill(self.model.llama, self.kv_cache, tries, self.embed(tries, pixels), prefix)
        state.graphs = self.decode_graphs.for_batch() if self.decode_graphs is not None else None
        return logits, state

    def embed(self, tries: Sequence[PrefixTrie], pixels: Pixels) -> list[Tensor]:
        """The embeddings of each trie's slots, of token ids and of images: (size, D) each."""
        images = self.image_embeddings([span for trie in tries for span in trie.images], pixels)
        ids = torch.from_numpy(np.concatenate([trie.ids() for trie in tries])).to(self.device)
        embeds = self.model.llama.embed_tokens(ids).clone().split([trie.size for trie in tries])  # to be written to
        for trie, slots in zip(tries, embeds, strict=True):
            for placed in trie.items:
                if isinstance(placed.item, ImageSpan):
                    slots[placed.slot : placed.slot + placed.item.num_tokens] = images[placed.item]
        return list(embeds)

    def image_embeddings(self, spans: Iterable[ImageSpan], pixels: Pixels) -> dict[ImageSpan, Tensor]:
        """The embeddings of each distinct span: (num_tokens, D). Features of images and instructions are cached."""
        distinct = list(dict.fromkeys(spans))
        if not distinct:
            return {}
        images = self.vision_cache.get_or_compute(
            [span.image for span in distinct], lambda missing: self._encode_images(missing, pixels)
        )
        instructions = None
        if self.tokenize_instruction is not None:
            ids = [span.instruction or () for span in distinct]
            features = self.text_cache.get_or_compute(ids, self._encode_instructions)
            instructions = torch.stack([features[key] for key in ids])  # (P, ...)
        embeds = self.model.embed_images(torch.stack([images[span.image] for span in distinct]), instructions)
        return {span: rows[: span.num_tokens] for span, rows in zip(distinct, embeds, strict=True)}

    def normalize(self, pixels_uint8: Tensor) -> Tensor:
        """(B, 3, S, S) uint8 -> pixel values (B, 3, S, S) in the model's type, by the processor's own table."""
        offsets = torch.arange(0, 3 * 256, 256, dtype=torch.int32, device=pixels_uint8.device)[:, None, None]
        indices = (offsets + pixels_uint8).flatten()
        return self._normalization_table.index_select(0, indices).view(pixels_uint8.shape)

    def _encode_images(self, images: Sequence[ImageSource], pixels: Pixels) -> list[Tensor]:
        given = {image: pixels[image] for image in images}
        features = {image: one.to(self.device) for image, one in given.items() if isinstance(one, Tensor)}
        missing = [(image, one) for image, one in given.items() if not isinstance(one, Tensor)]
        size = min(VISION_BATCH, max(1, VISION_PIXELS // self.processor.crop_size**2))
        for start in range(0, len(missing), size):
            part = missing[start : start + size]
            batch = torch.from_numpy(np.stack([one for _, one in part])).to(self.device)
            encoded = self.model.encode_images(self.normalize(batch)).unbind()
            features.update(zip([image for image, _ in part], encoded, strict=True))
        return [features[image] for image in images]

    def _encode_instructions(self, instructions: Sequence[InstructionIds]) -> Sequence[Tensor]:
        return self.model.encode_instructions(torch.tensor(instructions, device=self.device)).unbind()

    def _compute_prefix(self, ids: tuple[int, ...]) -> LayerKV:
        """The keys and values of a prefix, copied out of the KV cache, which it takes for itself meanwhile."""
        trie = build_trie([ids])
        prefill(self.model.llama, self.kv_cache, [trie], self.embed([trie], {}))
        return self.kv_cache.copy()

    def to_generation(self, answer: Continuation) -> Generation:
        """An answer with its text, or the reason why there is none."""
        ids, reason = answer
        if reason == "error":
            error = f"logits are not finite after {pluralize(len(ids), 'new token')}: {not_finite.ADVICE[self.dtype]}"
            return Generation("", tuple(ids), reason, error)
        try:
            return Generation(self.tokenizer.decode(ids), tuple(ids), reason)
        except SampleError as failure:
            return Generation("", tuple(ids), "error", str(failure))
