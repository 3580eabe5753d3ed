"""EMMA: look, listen, align, project, answer. Plain LLaVA-1.5 is the same without listening and aligning.

Each stage is a method of its own, so that tests and analyses read intermediate features without hooks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import LlamaForCausalLM

from emma_eval.errors import SampleError
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.clip import Towers
from emma_eval.models.emma.config import EmmaConfig
from emma_eval.models.emma.decoding import greedy
from emma_eval.models.emma.instruction import instruction_ids
from emma_eval.models.emma.processing import ImageProcessor
from emma_eval.models.emma.tokenizer import IMAGE_ID, LlamaTokenizer
from emma_eval.types import Generation, ImageSource, Request

HashableT = TypeVar("HashableT", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A Request as numbers, on the CPU."""

    input_ids: tuple[int, ...]  # the prompt's, with IMAGE_ID at each picture
    instruction_ids: tuple[int, ...] | None  # CLIP's 77; None for plain LLaVA
    pixel_values: tuple[NDArray[np.float32], ...]  # one (3, S, S) a picture
    max_new_tokens: int


@dataclass(frozen=True, eq=False)
class Emma:
    """A loaded checkpoint. All modules are in one floating-point type on one device."""

    config: EmmaConfig
    processor: ImageProcessor
    tokenizer: LlamaTokenizer
    towers: Towers
    alignment: Alignment | None  # None: plain LLaVA
    projector: nn.Module
    llama: LlamaForCausalLM

    template = "vicuna_v1"

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return cast(torch.device, self.llama.device)

    @property
    def dtype(self) -> torch.dtype:
        """What the model computes in."""
        return cast(torch.dtype, self.llama.dtype)

    @property
    def auto_batch_size(self) -> int:
        """How many requests to answer at once when nobody says: a GPU wants more of them than a CPU."""
        return 32 if self.device.type == "cuda" else 16

    def prepare(self, request: Request) -> Prepared:
        """Tokenise and preprocess. Raises SampleError for an unreadable picture or one without its marker."""
        ids = self.tokenizer.encode_prompt(request.prompt)
        if (markers := ids.count(IMAGE_ID)) != len(request.images):
            raise SampleError(f"the prompt has {markers} image markers for {len(request.images)} pictures")
        return Prepared(
            input_ids=tuple(ids),
            instruction_ids=instruction_ids(request.instruction) if self.alignment else None,
            pixel_values=tuple(self._pixels(source) for source in request.images),
            max_new_tokens=request.max_new_tokens,
        )

    @torch.inference_mode()
    def generate(self, prepared: Sequence[Prepared]) -> list[Generation]:
        """Answer a batch, in order, greedily. Pictures, instructions, lengths and limits may differ."""
        limits = [one.max_new_tokens for one in prepared]
        answers = greedy(self.llama, self.embed(prepared), limits, self.config.eos_ids)
        return [Generation(self.tokenizer.decode(ids), tuple(ids)) for ids in answers]

    def embed(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        """What the language model reads: per request (L, D), with each picture's N rows at its marker."""
        rows = iter(self.picture_rows(prepared))
        return [self._splice(one.input_ids, [next(rows) for _ in one.pixel_values]) for one in prepared]

    def picture_rows(self, prepared: Sequence[Prepared]) -> Sequence[Tensor]:
        """Every picture of a batch as the language model sees it, in order: (N, D) each.

        A picture or instruction that occurs several times is encoded once.
        """
        pairs = [(pixels, one.instruction_ids) for one in prepared for pixels in one.pixel_values]
        if not pairs:
            return []
        distinct, picture = _number(pixels.tobytes() for pixels, _ in pairs)
        pixels = torch.from_numpy(np.stack([pairs[i][0] for i in distinct]))
        features = self.vision_features(pixels)[picture]  # (P, N, Dv)
        if self.alignment is not None:
            distinct, instruction = _number(ids or () for _, ids in pairs)
            text = self.text_features(torch.tensor([pairs[i][1] for i in distinct]))
            features = self.alignment(features, self.alignment.project_text(text)[instruction])
        return cast(Tensor, self.projector(features)).unbind()

    def vision_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> V (B, N, Dv): the selected layer of CLIP's vision tower, class token dropped."""
        features = self.towers.vision_features(pixels.to(self.device, self.dtype))
        return features if self.config.keep_class_token else features[:, 1:]

    def text_features(self, ids: Tensor) -> Tensor:
        """Instruction ids (B, 77) -> X (B, T, Dt): the selected layer and positions of CLIP's text tower."""
        assert self.config.alignment is not None, "plain LLaVA does not listen"
        return self.towers.text_features(ids.to(self.device))[:, self.config.alignment.text_positions]

    def _splice(self, input_ids: Sequence[int], pictures: Sequence[Tensor]) -> Tensor:
        ids = torch.tensor(input_ids, device=self.device)
        embeds: Tensor = self.llama.get_input_embeddings()(ids.clamp(min=0))  # (L, D)
        if not pictures:
            return embeds  # the reference cuts only sequences that hold pictures
        parts, start = [], 0
        markers = [at for at, index in enumerate(input_ids) if index == IMAGE_ID]
        for at, rows in zip(markers, pictures, strict=True):
            parts += [embeds[start:at], rows]
            start = at + 1
        return torch.cat([*parts, embeds[start:]])[: self.config.max_length]

    def _pixels(self, source: ImageSource) -> NDArray[np.float32]:
        try:
            return self.processor(source.open())
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files as it decodes them
            raise SampleError(f"{source.label}: unreadable picture: {error}") from error


def _number(keys: Iterable[HashableT]) -> tuple[list[int], list[int]]:
    """Number equal keys alike: where each distinct key first occurs, and each key's number."""
    numbers: dict[HashableT, int] = {}
    first: list[int] = []
    numbered: list[int] = []
    for at, key in enumerate(keys):
        if key not in numbers:
            numbers[key] = len(first)
            first.append(at)
        numbered.append(numbers[key])
    return first, numbered
