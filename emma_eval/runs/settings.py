"""The options of a run, and the folder it goes to without --output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emma_eval.errors import UserError
from emma_eval.inference.loading import BUILT_IN, EngineChoice
from emma_eval.inference.replicas.loading import Scale
from emma_eval.models.base import ModelSpec
from emma_eval.utils.environment import default_results_folder
from emma_eval.utils.text import did_you_mean, slug

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.types import Request, Sample

MAX_NAME_LENGTH = 80


@dataclass(frozen=True, slots=True)
class ErrorLimit:
    """How many requests of a run may fail: a number, or a share of all its requests in percent."""

    amount: float
    percent: bool = False

    def allows(self, failed: int, requests: int) -> bool:
        """Whether a run of so many requests may have so many failures."""
        return failed <= (self.amount * requests / 100 if self.percent else self.amount)

    @classmethod
    def parse(cls, text: str) -> ErrorLimit:
        """The limit of `5` or `2.5%`. Raises ValueError."""
        try:
            limit = cls(float(text.removesuffix("%")), percent=text.endswith("%"))
        except ValueError:
            limit = cls(-1)
        if not (limit.amount >= 0 and (limit.percent or limit.amount.is_integer())):
            raise ValueError(f"{text!r} is neither a number of errors (5) nor a share of them (2%)")
        return limit

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.percent else ''}"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that together ask every request once, perhaps on as many machines."""

    number: int  # from 1 on
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard of `3/8`. Raises ValueError."""
        number, slash, of = text.partition("/")
        if not (slash and number.isascii() and of.isascii() and number.isdecimal() and of.isdecimal() and len(of) < 6):
            raise ValueError(f"{text!r} is not of the form I/N, as 3/8")
        if not 1 <= int(number) <= int(of):
            raise ValueError(f"{text!r}: shards are numbered from 1 to {int(of)}")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class OtherRequests:
    """What a run asks in place of the tasks' own requests. The model's fingerprint must tell it, too."""

    build: Callable[[TaskConfig, Sequence[Sample], str], Iterable[Request]]  # task in its wording, samples, template
    note: str  # beside the scores of every task


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The options of `run`, checked as far as they can be by themselves."""

    model: ModelSpec
    tasks: tuple[str, ...]  # groups expanded
    suite: str  # the tasks as the user wrote them, for the folder's name
    data: Path | None = None
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)  # task -> file key -> path
    limit: int | None = None
    seed: int | None = None
    batch_size: int | Literal["auto"] = "auto"
    protocols: Mapping[str, str] = field(default_factory=dict)  # task -> protocol, where not the task's default
    wordings: Mapping[str, str] = field(default_factory=dict)  # task -> wording, where not the model family's own
    allow_partial: bool = False
    max_errors: ErrorLimit | None = None
    retry_failed: bool = False
    name: str = ""  # what tables call the run; empty: the model's name
    answers_only: bool = False  # leave scoring to another session, perhaps on another machine
    scale: Scale = field(default_factory=Scale)  # how many copies of the model answer; answers do not depend on it
    engine: EngineChoice = BUILT_IN
    shard: Shard | None = None  # ask a share of the requests, and leave scoring to `merge`
    requests: OtherRequests | None = None  # None: as the tasks ask
    command: tuple[str, ...] = ()  # what started it, for the record; empty: the process's own command line


def split_names(text: str) -> list[str]:
    """The names of tasks and groups in `T,...`. Raises UserError if there is none."""
    names = [name for part in text.split(",") if (name := part.strip())]
    if not names:
        raise UserError("--tasks names no task; `emma-eval list tasks` shows them")
    return names


def run_name(text: str) -> str:
    """What --name calls a run: printable, in one line, short enough for a table. Raises ValueError."""
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise ValueError(f"{text!r} is no name of 1 to {MAX_NAME_LENGTH} printable characters")
    return name


def require_run(task: str, tasks: Sequence[str], argument: str) -> None:
    """Raise UserError if the argument is about a task that is not run."""
    if task not in tasks:
        raise UserError(f"{argument}: task {task!r} is not among those run{did_you_mean(task, tasks)}")


def default_folder(
    settings: RunSettings, deciding_options: Mapping[str, str] | None = None, object_fingerprint: str = ""
) -> Path:
    """`results/runs/<model>-<suite>-<hash>`: the same command finds its folder again, another command gets another.

    The hash is over the options that decide answers and scores: not over name, batch size, data folder, error limits.
    `deciding_options` are those of the model's own that do (`ModelHandle.deciding_options`); None: all of them.
    `object_fingerprint` is that of a model which is an object of the caller's.
    """
    options = dict(sorted((settings.model.options if deciding_options is None else deciding_options).items()))
    hashed: dict[str, object] = {
        "model": settings.model.source,
        "tasks": settings.tasks,
        "limit": settings.limit,
        "seed": settings.seed,
        "device": settings.model.device,
        "dtype": settings.model.dtype,
        "protocols": dict(sorted(settings.protocols.items())),
        "allow_partial": settings.allow_partial,
        "fast_preprocess": options.pop("fast_preprocess", "false") == "true",  # a key of its own before model options
    }
    if object_fingerprint:  # of a model that its name does not find again
        hashed["object"] = object_fingerprint
    if settings.wordings:
        hashed["wordings"] = dict(sorted(settings.wordings.items()))
    if options:
        hashed["model_options"] = options
    if settings.engine.name != BUILT_IN.name:
        hashed["engine"] = settings.engine.name
    digest = hashlib.sha256(json.dumps(hashed).encode()).hexdigest()[:8]
    shard = f"-shard-{settings.shard.number}-of-{settings.shard.of}" if settings.shard else ""
    name = f"{slug(model_name(settings.model.source))}-{slug(settings.suite)}-{digest}{shard}"
    return default_results_folder() / "runs" / name


def model_name(source: str) -> str:
    """A model's name in tables and folder names: the last part of its path or hub name."""
    return Path(source).expanduser().resolve().name if source in (".", "..") else Path(source).name
