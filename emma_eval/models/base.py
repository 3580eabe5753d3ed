"""How a model is specified (ModelSpec) and the interfaces it may have: TextModel, one method, or Model, for batches.

In a Model, requests become token ids, those become rows of a batch, and rows become generations. `tokenize` and
`preprocess_image` are CPU work and run in threads ahead of the device; `generate` is device work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from emma_eval.errors import UserError
from emma_eval.types import IMAGE_MARKER, Generation, ImageSource, Request

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model, and how to load it: the options `--model`, `--device`, `--dtype` and `--model-option`."""

    source: str  # registered name, NAME:SOURCE, checkpoint folder or hub name; for a loader: SOURCE, or the folder
    device: str | None = None  # as torch names devices; None: a GPU if there is one
    dtype: str | None = None  # float32, float16, bfloat16; None: float32 on a CPU, half precision on a GPU
    options: Mapping[str, str] = field(default_factory=dict)  # of --model-option, as written
    seed: int = 0  # for whatever the model draws at random

    def flag(self, option: str) -> bool:
        """Whether an option is `true`; False without it. Raises UserError for another value than true or false."""
        value = self.options.get(option, "false")
        if value not in ("true", "false"):
            raise UserError(f"--model-option {option}={value}: true or false is expected")
        return value == "true"


class ModelLoader(Protocol):
    """What an entry point of the group `emma_eval.models` names: a function, or a model's class.

    It may have attributes besides: `options`, a mapping of the options that it takes to their descriptions;
    `fingerprint(spec) -> str`, which differs for a model that would answer differently, such as a hash of weights;
    `deciding_options(spec)`, those of the options that answers depend on, where others may change between sessions;
    `is_remote`, true for the client of a server, of which --replicas makes no copies; `gives_embeddings`, true for one
    that loads a `models.multimodal.ModelRunner` around a plain LLaMA, which --engine vllm computes; `has_torch_device`,
    true where --device and --dtype are torch's names, which are then checked before any data are read.
    """

    def __call__(self, spec: ModelSpec) -> Any:
        """A TextModel, a Model or an Engine. Raises UserError for a source, device, dtype or option it cannot take."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A Request as a TextModel reads it."""

    text: str  # an IMAGE_MARKER where each image goes
    images: tuple[Image, ...] = ()  # decoded, RGB, in the order of the markers
    max_new_tokens: int = 128
    instruction: str = ""  # the question alone, which EMMA's text encoder reads
    min_new_tokens: int = 0  # the answer should not end before it has so many

    @property
    def parts(self) -> list[str | Image]:
        """Texts and images in their order, as chat interfaces take them; empty texts are left out."""
        first, *texts = self.text.split(IMAGE_MARKER)
        parts: list[str | Image] = [first]
        for image, text in zip(self.images, texts, strict=True):
            parts += [image, text]
        return [part for part in parts if part != ""]


class TextModel(Protocol):
    """The smallest model: one method. Attributes of the names in `EngineDescription` are recorded where it has them."""

    def generate(self, messages: Sequence[Message]) -> Sequence[str]:
        """An answer to each message, in their order. Raises SampleError for a message that has none."""
        ...


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
    """A model that answers requests in batches and may share what they have in common.

    It may have a method `prepare(rows, images)` besides, CPU work on a whole batch that runs in a thread ahead of the
    device; what it returns is given to `generate` instead of the images. And, for calibration (`inference.choices`),
    `token_texts() -> Mapping[int, str]`, the text of each id of its vocabulary, and
    `first_token_log_probs(rows, images, groups)`, for each row and answer of `generate` a tuple with the log of the
    probability that its first new token is of a group of ids, a number a group.
    """

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
        """Tokenize the rendered prompt, without opening an image. Raises SampleError for a request without sense."""
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
