"""What a ModelRunner needs of an architecture and of its tokenizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from torch import Tensor

from emma_eval.models.llama.model import Llama


class MultimodalModel(Protocol):
    """An architecture that gives images as embeddings to LLaMA. All of it is in one type on one device."""

    @property
    def llama(self) -> Llama:
        """The language model."""
        ...

    @property
    def num_image_tokens(self) -> int:
        """N: how many embeddings an image has."""
        ...

    def parameters(self) -> Iterator[Tensor]:
        """All weights, each once."""
        ...

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> features (B, ...), which are cached by image."""
        ...

    def encode_instructions(self, ids: Tensor) -> Tensor:
        """Instruction ids (B, 77) -> features (B, ...), which are cached by instruction."""
        ...

    def embed_images(self, images: Tensor, instructions: Tensor | None) -> Tensor:
        """Features (P, ...) of images, and of an instruction each if the model reads them -> embeddings (P, N, D)."""
        ...


ModelT = TypeVar("ModelT", bound=MultimodalModel)


class Tokenizer(Protocol):
    """The language model's tokenizer."""

    @property
    def image_marker(self) -> str:
        """What stands in a prompt where an image goes."""
        ...

    @property
    def bos_id(self) -> int | None:
        """The begin token; None if there is none."""
        ...

    def encode_prompt(self, prompt: str) -> list[int]:
        """The ids of a prompt, with IMAGE_ID at each image marker."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer."""
        ...
