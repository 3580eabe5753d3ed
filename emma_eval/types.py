"""The types that all rooms share: Sample, Request, Generation, Response, Answer, Metric, Scores.

A reader makes Samples, `prompts` turns a Sample into Requests (one a pass), an engine answers a Request with a
Generation or a Failure, a run records it as a Response, and a scorer turns Samples and Answers into Scores.
It imports nothing heavy, so that `score` and `list` start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image


Key = tuple[str, int]  # (sample id, pass index)
FinishReason = Literal["stop", "length", "error"]  # an end id, the most new tokens, or no answer at all
EngineName = Literal["built-in", "vllm"]  # what computes the answers of a checkpoint
IMAGE_MARKER = "<image>"  # stands in a message where an image goes


class ImageSource(Protocol):
    """Where an image is stored, without its pixels. Equal sources are the same image."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """A name unique within the benchmark, the same on every machine."""
        ...

    @property
    def label(self) -> str:
        """A name for messages and reports: the file's path, or the row that holds the image."""
        ...

    def exists(self) -> bool:
        """Whether there is a file or row to open, without decoding it."""
        ...

    def open(self) -> Image:
        """The decoded image, in its own mode. Raises SampleError, naming the label, if it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a benchmark with its reference answers, independent of models and prompts."""

    id: str  # the benchmark's own question id, as text; unique within the task
    question: str  # as the benchmark has it: no suffix, no options, no image marker
    images: tuple[ImageSource, ...] = ()
    references: tuple[str, ...] = ()  # ten answers for VQA, one text or letter elsewhere, () if held back
    options: tuple[str, ...] = ()  # choices in the order A, B, C, ...
    hint: str = ""
    category: str = ""  # the benchmark's main breakdown: MME subtask, POPE category, SEED type, ...
    meta: Mapping[str, Any] = field(default_factory=dict)  # what the scorer needs besides: answer_type, ...


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask a model: a user's message with its images, and EMMA's CLIP instruction."""

    sample_id: str
    pass_index: int  # the pass of a circular evaluation; 0 elsewhere
    message: str  # without the model's conversation template; an IMAGE_MARKER where each of the images goes
    instruction: str  # what EMMA's CLIP text encoder reads; other models ignore it
    images: tuple[ImageSource, ...] = ()  # in the order of the markers
    max_new_tokens: int = 128
    min_new_tokens: int = 0  # end ids are barred before so many new tokens
    is_raw: bool = False  # `message` is the whole prompt: no conversation template is put around it

    @property
    def key(self) -> Key:
        """Identifies the request within its task; its response and answer have the same key."""
        return self.sample_id, self.pass_index

    def prompt(self, render: Callable[[str], str]) -> str:
        """The whole prompt: `render` puts the model's conversation template around a message that is not raw."""
        return self.message if self.is_raw else render(self.message)


@dataclass(frozen=True, slots=True)
class Served:
    """What a server says of an answer, beside its text. The prompt that it made is not among it."""

    model: str = ""  # as the server names it; it may differ from the name that was asked for
    system_fingerprint: str = ""
    prompt_tokens: int | None = None  # as the server counts them, images included
    new_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A model's answer to one Request. A model fills in the first four fields, an engine the others."""

    text: str  # decoded, special tokens skipped, stripped
    token_ids: tuple[int, ...] = ()  # new ids only, the end id included where it was reached; () if not known
    finish_reason: FinishReason | None = None  # None: the model does not say
    error: str = ""  # why there is no answer; given with the finish reason `error` alone
    prompt: str = ""  # as the model read it, its conversation template included
    seconds: float = 0.0  # of tokenizing it, and its equal share of its batch's time
    prompt_cut: bool | None = None  # whether the model read less than the whole prompt; None: not known
    served: Served | None = None  # of a server's answer


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a Request has no answer."""

    reason: str
    prompt: str = ""
    seconds: float = 0.0
    prompt_cut: bool | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One line of a run's responses file: a request's answer, or the reason why there is none."""

    sample_id: str
    pass_index: int
    prompt: str
    instruction: str
    text: str | None  # None when the sample failed
    tokens: int
    seconds: float
    error: str | None = None
    finish_reason: FinishReason | None = None  # None: not known, or a record of an earlier version
    prompt_cut: bool | None = None  # whether the model read less than the whole prompt; None: likewise
    served: Served | None = None  # of a server's answer

    @property
    def key(self) -> Key:
        """The key of the request that it answers."""
        return self.sample_id, self.pass_index


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scorer sees of a response. `prompt` matters only where the official scorer reads it (ScienceQA)."""

    text: str
    prompt: str = ""


Answers = Mapping[Key, Answer]  # failed and missing ones are absent

SampleStatus = Literal["answered", "failed", "missing"]
Unit = Literal["percent", "fraction", "points", "number", "count"]  # number: on a scale of its own


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """`sum(numerator) / sum(denominator)` over samples; 0 if the denominator is 0. Metrics are functions of ratios.

    The entries are what each sample adds, so a metric can be computed again for resampled samples (see `stats`). Ratios
    are compared and hashed by identity: metrics that share one are resampled with one column.
    """

    numerator: Sequence[float]
    denominator: Sequence[float] | None = None  # None: ones, so the ratio is a mean
    sample_indices: Sequence[int] | None = None  # index in Scores.samples of each entry; None: all, in order


@dataclass(frozen=True, slots=True)
class Metric:
    """One number. `group` and `category` (answer_type, yes/no, for example) are empty for an overall metric.

    It equals `scale * aggregate(ratios)` but for rounding; without `ratios` it cannot be resampled and has no interval.
    """

    name: str
    value: float  # unrounded, as the official tool computes it
    n: int  # number of questions, pairs, ... it is computed over
    unit: Unit
    group: str = ""
    category: str = ""
    higher_is_better: bool | None = True  # None: neither, as with the share of yes
    ratios: tuple[Ratio, ...] = field(default=(), compare=False, repr=False)
    scale: float = 1.0
    aggregate: str = "sum"  # a name in stats.aggregations
    value_is_bounded: bool = True  # False if a sample may add more than the full range (CIDEr)


@dataclass(frozen=True, slots=True)
class SampleScore:
    """One sample's score, and the answer as the scorer parsed it."""

    id: str
    score: float  # 0 to 1
    parsed_answer: str  # empty if the scorer found none in the text
    status: SampleStatus = "answered"
    cluster: str = ""  # samples of one cluster (an image) are resampled together; empty: the sample is its own


@dataclass(frozen=True, slots=True)
class Scores:
    """A scorer's result for one task."""

    metrics: tuple[Metric, ...]
    samples: tuple[SampleScore, ...]  # in the order of the samples
    notes: tuple[str, ...] = ()  # printed beside the numbers: a division by zero reported as 0, say
    cluster_unit: str = "question"  # the unit of a cluster, for reports


SERVER_COUNTS = (
    "attempts", "answers", "retries", "overloads", "prompt_tokens", "new_tokens", "images_recoded", "images_resized",
)  # fmt: skip


@dataclass(slots=True)
class ServerStats:
    """What one session asked a server, and what came back."""

    attempts: int = 0  # HTTP requests
    answers: int = 0
    retries: int = 0
    overloads: int = 0  # attempts that ended in 429, 503, a timeout or without a connection
    most_at_once: int = 0  # requests under way
    prompt_tokens: int = 0  # by the server's `usage`
    new_tokens: int = 0
    prompt_price: float | None = None  # per million tokens, as given
    completion_price: float | None = None
    cost: float | None = None  # at these prices; None without any
    images_recoded: int = 0  # sent as PNG, because their own format is not one that servers take
    images_resized: int = 0
    models: tuple[str, ...] = ()  # the names that the server gave itself
    system_fingerprints: tuple[str, ...] = ()

    def __add__(self, later: ServerStats) -> ServerStats:
        """Of both sessions together; the prices are the later one's."""
        costs = [one.cost for one in (self, later) if one.cost is not None]
        return ServerStats(
            **{name: getattr(self, name) + getattr(later, name) for name in SERVER_COUNTS},
            most_at_once=max(self.most_at_once, later.most_at_once),
            prompt_price=later.prompt_price,
            completion_price=later.completion_price,
            cost=sum(costs) if costs else None,
            models=tuple(dict.fromkeys(self.models + later.models)),
            system_fingerprints=tuple(dict.fromkeys(self.system_fingerprints + later.system_fingerprints)),
        )

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{self.answers:,} answers, {self.prompt_tokens:,} prompt and {self.new_tokens:,} new tokens"]
        parts += [] if self.cost is None else [f"cost {self.cost:.4f}"]
        parts += [f"{self.retries:,} retries ({self.overloads:,} of overload)"] * bool(self.retries)
        parts += [f"up to {self.most_at_once} at once"]
        parts += [f"{self.images_recoded:,} images sent as PNG"] * bool(self.images_recoded)
        parts += [f"{self.images_resized:,} images resized"] * bool(self.images_resized)
        several = ((self.models, "models"), (self.system_fingerprints, "system fingerprints"))
        parts += [f"the server named several {what}: {', '.join(names)}" for names, what in several if len(names) > 1]
        return "; ".join(parts)


@dataclass(slots=True)
class InferenceStats:
    """Counts and times of one session's inference, kept by an engine and recorded in the manifest."""

    prompt_tokens: int = 0  # of all prompts, each alone and whole
    computed_tokens: int = 0  # prefilled: fewer than the prompt tokens, where prompts share their beginning
    padding_tokens: int = 0  # prefilled beside those, to make the rows of a batch equally long
    new_tokens: int = 0
    batches: int = 0
    images: int = 0  # decoded and preprocessed
    computing_seconds: float = 0.0  # the device computes
    idle_seconds: float = 0.0  # the device waits for images and prompts
    oom_retries: int = 0  # batches that did not fit into memory and were halved
    server: ServerStats | None = None  # of an engine that asks a server

    def __str__(self) -> str:
        """One line for people. An engine that counts no tokens shows none."""
        if self.server is not None:
            return str(self.server)
        fewer = f" ({self.prompt_tokens / self.computed_tokens:.1f} times fewer)" if self.computed_tokens else ""
        tokens = f"{self.prompt_tokens:,} prompt tokens asked, {self.computed_tokens:,} computed{fewer}; "
        retries = f"; memory ran out {self.oom_retries} times" if self.oom_retries else ""
        images = f"{self.images:,} images; device idle {self.idle_share:.0%}"
        return f"{tokens if self.prompt_tokens else ''}{images}{retries}"

    @property
    def idle_share(self) -> float:
        """The part of the time that the device waited, 0 to 1."""
        total = self.computing_seconds + self.idle_seconds
        return self.idle_seconds / total if total else 0.0


class Scorer(Protocol):
    """A metric family: pure, fast, no I/O. A sample without an answer is wrong, never dropped."""

    def __call__(self, samples: Sequence[Sample], answers: Answers) -> Scores:
        """Score the answers to the samples."""
        ...
