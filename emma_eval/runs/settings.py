"""What a run was asked to do, and the folder it goes to unless told otherwise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from emma_eval.utils.environment import default_results_folder
from emma_eval.utils.text import slug


@dataclass(frozen=True, slots=True)
class ErrorLimit:
    """How many failed answers a run bears: a count, or a share of all its requests in percent."""

    amount: float
    percent: bool = False

    def allows(self, failed: int, requests: int) -> bool:
        """Whether a run of so many requests goes on after so many failures."""
        return failed <= (self.amount * requests / 100 if self.percent else self.amount)

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.percent else ''}"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The options of `run`, checked as far as they can be by themselves."""

    model: str
    tasks: tuple[str, ...]  # groups expanded
    suite: str  # the tasks as the user wrote them, for the folder's name
    data: Path | None = None
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)  # task -> file key -> path
    limit: int | None = None
    seed: int | None = None
    batch_size: int | Literal["auto"] = "auto"
    device: str | None = None
    dtype: str | None = None
    protocols: Mapping[str, str] = field(default_factory=dict)  # task -> protocol, where not the task's default
    wordings: Mapping[str, str] = field(default_factory=dict)  # task -> wording, where not the model family's own
    allow_partial: bool = False
    fast_preprocess: bool = False
    max_errors: ErrorLimit | None = None
    retry_failed: bool = False
    name: str = ""  # what tables call the run; empty: the model's name
    answers_only: bool = False  # another session, perhaps elsewhere, scores what is recorded


def default_folder(settings: RunSettings) -> Path:
    """`results/runs/<model>-<suite>-<hash>`: the same command finds its folder again, another one gets another.

    The hash is over what decides the answers and scores; name, batch size, data folder and error limits do not.
    """
    defining = {
        "model": settings.model,
        "tasks": settings.tasks,
        "limit": settings.limit,
        "seed": settings.seed,
        "device": settings.device,
        "dtype": settings.dtype,
        "protocols": dict(sorted(settings.protocols.items())),
        "allow_partial": settings.allow_partial,
        "fast_preprocess": settings.fast_preprocess,
    }
    if settings.wordings:
        defining["wordings"] = dict(sorted(settings.wordings.items()))
    digest = hashlib.sha256(json.dumps(defining).encode()).hexdigest()[:8]
    return default_results_folder() / "runs" / f"{slug(model_name(settings.model))}-{slug(settings.suite)}-{digest}"


def model_name(model: str) -> str:
    """A model's name in tables and folder names: the last part of its path or hub name."""
    return Path(model).expanduser().resolve().name if model in (".", "..") else Path(model).name
