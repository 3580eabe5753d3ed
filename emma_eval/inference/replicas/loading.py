"""Chooses how many copies of a model answer, and where they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from emma_eval.errors import UserError
from emma_eval.inference.engine import Engine
from emma_eval.inference.loading import BUILT_IN, EngineChoice, load_engine
from emma_eval.inference.replicas.engine import ReplicatedEngine
from emma_eval.inference.replicas.fleet import ReplicaJob
from emma_eval.inference.replicas.processes import ProcessFleet
from emma_eval.inference.replicas.shares import environments
from emma_eval.models import ModelHandle


@dataclass(frozen=True, slots=True)
class Scale:
    """How many copies of the model answer, and where."""

    replicas: int | None = None  # None: one; on Ray, one for each GPU, or for each node without GPUs
    ray: str | None = None  # the address of a Ray cluster; `local` starts one; None: this machine, without Ray

    @property
    def is_one_here(self) -> bool:
        """Whether one model answers, in this process."""
        return self.ray is None and self.replicas in (None, 1)


def require_fit(model: ModelHandle, scale: Scale, choice: EngineChoice) -> None:
    """Raise UserError if the engine cannot answer for this model, or not so often. Nothing is loaded."""
    choice.require_fit(model)
    if choice.name == "vllm" and not scale.is_one_here:
        raise UserError(
            "--engine vllm runs in one process on one GPU: run it without --replicas and --ray; "
            "--shard I/N divides a run among several GPUs or machines"
        )


def load_scaled(
    model: ModelHandle,
    batch_size: int | Literal["auto"],
    scale: Scale,
    report: Callable[[str], None],
    choice: EngineChoice = BUILT_IN,
) -> Engine:
    """The model's engine in this process, or one of several replicas. `report` takes lines for the user.

    Raises UserError if the model cannot be loaded, or not so often.
    """
    require_fit(model, scale, choice)
    if scale.is_one_here:
        return load_engine(model, batch_size, choice)
    if model.is_remote:
        raise UserError(
            f"{model.spec.source} answers on a server: copies of its client are of no use without --shard; "
            "run it without --replicas and --ray"
        )
    job = ReplicaJob(model.spec, batch_size)
    if scale.ray is not None:
        from emma_eval.inference.replicas.ray_fleet import RayFleet

        return ReplicatedEngine(RayFleet(job, scale.ray, scale.replicas), report, model.fingerprint())
    return ReplicatedEngine(ProcessFleet(job, environments(scale.replicas or 1, model.spec.device)), report)
