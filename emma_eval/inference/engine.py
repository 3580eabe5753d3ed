"""The interface between a run and whatever computes its answers: runs and commands use an Engine alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from emma_eval.models.checkpoints.templates import template_digest
from emma_eval.types import Failure, Generation, InferenceStats, Request
from emma_eval.utils import environment

Outcome = tuple[int, Generation | Failure]  # of a request, with its index

SERVER_TEMPLATE = "server"  # of a model behind a server, which frames messages by a template that is not seen
OWN_TEMPLATE = "own"  # of a model that frames messages itself, by a template that has no name here


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDescription:
    """Facts that are known once the model is loaded; the manifest keeps them, and later sessions must agree."""

    template: str = OWN_TEMPLATE  # name of the conversation template
    template_digest: str = ""  # SHA-256 of its text; empty where the text is not known
    family: str | None = None  # whose evaluation scripts the model is asked by: `emma`, `llava`
    dtype: str | None = None  # `float32`; None where it means nothing, as with a server
    device: str | None = None  # `cpu`, `cuda:0`; None likewise
    summary: str = ""  # what was built of which files, in one line
    parameters: int | None = None  # of what is loaded; layers that no answer depends on are not
    takes_raw_prompts: bool = False  # whether it answers a Request that `is_raw`

    @classmethod
    def of_model(cls, model: Any) -> Self:
        """The description by a model's attributes of these names; those that it lacks are not known."""
        dtype, device = getattr(model, "dtype", None), getattr(model, "device", None)
        template = getattr(model, "template", OWN_TEMPLATE)
        return cls(
            template=template,
            template_digest=getattr(model, "template_digest", "") or template_digest(template),
            family=getattr(model, "family", None),
            dtype=None if dtype is None else str(dtype).removeprefix("torch."),
            device=None if device is None else str(device),
            summary=getattr(model, "summary", ""),
            parameters=getattr(model, "num_parameters", None),
            takes_raw_prompts=getattr(model, "takes_raw_prompts", False),
        )


class Engine(Protocol):
    """Answers requests in whatever order and batches suit it."""

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Iterator[Outcome]:
        """Yield (index of the request, its outcome) once for every request, as soon as it is known, in any order.

        An error of a single request becomes its Failure; an exception ends the session. `stats` is updated meanwhile.
        The iterator may be closed early.
        """
        ...

    def describe(self) -> EngineDescription:
        """The loaded model's template, precision, device and so on."""
        ...

    def close(self) -> None:
        """Release what the engine holds (a process, a connection, memory). It generates nothing afterwards."""
        ...


def prepare_engine(engine: Engine, requests: Sequence[Request], report: Callable[[str], None]) -> None:
    """Let an engine with a method `prepare` get ready for these requests, before they are timed."""
    if prepare := getattr(engine, "prepare", None):
        start = time.perf_counter()
        prepare(requests)
        report(f"ready after {time.perf_counter() - start:.0f} s")


def engine_facts(engine: Engine) -> dict[str, Any]:
    """What the engine says of itself by a method `facts`: another program's version and settings, for the manifest."""
    own = getattr(engine, "facts", None)
    facts: dict[str, Any] = own() if own else {}
    return facts


@dataclass(frozen=True, slots=True)
class MachineUse:
    """Where an engine computes, and the peaks of memory until now."""

    device_name: str  # the product's
    host_memory: int  # bytes; of all processes together
    device_memory: int | None  # bytes that tensors took on a GPU, the fullest where there are several; None: no GPU


def machine_use(engine: Engine) -> MachineUse:
    """What the engine says by a method `machine_use`, as one of several processes does; else of this process."""
    if own := getattr(engine, "machine_use", None):
        use: MachineUse = own()
        return use
    device = engine.describe().device or "cpu"
    name, memory = environment.device_name(device), environment.peak_device_memory(device)
    return MachineUse(name, environment.peak_host_memory(), memory)
