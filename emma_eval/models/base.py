"""What a model offers the batched engine: requests become token ids, those become rows of a batch, rows generations.

`tokenize` and `preprocess_image` are CPU work and run in threads ahead of the device; `generate` is device work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from emma_eval.types import Generation, ImageSource, Request


class TokenizedRequest(Protocol):
    """A request as token ids and images' places."""

    @property
    def num_tokens(self) -> int:
        """Its whole length, alone and unshared, images' tokens included."""
        ...


class PackedRow(Protocol):
    """Tokenized requests in one row of a batch; what they have in common is computed once."""

    @property
    def indices(self) -> Sequence[int]:
        """Which of the requests given to `collate` they are."""
        ...

    @property
    def prefix(self) -> Sequence[int]:
        """Ids at their beginning whose keys and values are cached."""
        ...

    @property
    def num_tokens(self) -> int:
        """How many tokens are computed for the row."""
        ...


class Model(Protocol):
    """A model that answers Requests in batches."""

    @property
    def template(self) -> str:
        """The name of the conversation template the model was trained with (`vicuna_v1`)."""
        ...

    @property
    def max_batch_tokens(self) -> int:
        """How many tokens a batch may hold, padding included, when nobody says."""
        ...

    def render_prompt(self, message: str) -> str:
        """The prompt that the model reads: the message in its conversation template."""
        ...

    def tokenize(self, request: Request) -> TokenizedRequest:
        """Tokenize, without opening an image. Raises SampleError for a request that makes no sense."""
        ...

    def preprocess_image(self, image: ImageSource) -> Any:
        """Decode and resize an image; called from threads. Raises SampleError if it is unreadable."""
        ...

    def shared_prefix(self, prompts: Sequence[Any]) -> tuple[int, ...]:
        """The ids that all tokenized requests begin with, whose keys and values can be computed once."""
        ...

    def collate(self, prompts: Sequence[Any], prefix: tuple[int, ...] = ()) -> Sequence[PackedRow]:
        """Tokenized requests as rows of a batch, each request in one row."""
        ...

    def generate(self, rows: Sequence[Any], images: Mapping[ImageSource, Any]) -> list[list[Generation]]:
        """Each row's answers, in the order of its `indices`; `images` holds the preprocessed images of all rows.

        In float32 an answer does not depend on the batch that it is computed in.
        """
        ...
