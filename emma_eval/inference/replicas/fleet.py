"""What passes between the run's process and its replicas, wherever they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Protocol

from emma_eval.inference.engine import Engine, EngineDescription, MachineUse, machine_use
from emma_eval.models.base import ModelSpec
from emma_eval.types import Failure, Generation, InferenceStats, Request
from emma_eval.utils.data_roots import data_roots

COUNTS = tuple(one.name for one in fields(InferenceStats) if one.name != "server")  # a server has no replicas here


@dataclass(frozen=True, slots=True)
class ReplicaJob:
    """What a replica needs to load its engine."""

    spec: ModelSpec
    batch_size: int | Literal["auto"]
    data_roots: tuple[Path, ...] = field(default_factory=data_roots)  # links below them lead nowhere else


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    description: EngineDescription
    use: MachineUse
    fingerprint: str = ""  # of the model's files as this replica sees them; empty: the run's own files


@dataclass(frozen=True, slots=True)
class Answered:
    """One request of the lease has its outcome."""

    index: int  # within the lease
    outcome: Generation | Failure
    stats: InferenceStats | None = None  # what was added since the message before


@dataclass(frozen=True, slots=True)
class Finished:
    """The lease is done, or was cancelled; the replica waits for the next."""

    stats: InferenceStats
    use: MachineUse


@dataclass(frozen=True, slots=True)
class Refused:
    """The user can mend it: the message of a UserError. The run ends."""

    message: str


@dataclass(frozen=True, slots=True)
class Died:
    """The replica is gone; whatever it sent before was delivered."""

    reason: str
    traceback: str = ""  # of an exception that it raised; empty if it was killed


Message = Ready | Answered | Finished | Refused | Died


class Fleet(Protocol):
    """Replicas numbered from 0 on."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def start(self, replica: int) -> None:
        """Start a replica, or start it again after it died; it will send Ready, Refused or Died."""
        ...

    def assign(self, replica: int, lease: bytes) -> None:
        """Give packed requests to a replica that waits."""
        ...

    def cancel(self, replica: int) -> None:
        """Let a replica drop what is left of its lease; it will send Finished."""
        ...

    def next_message(self) -> tuple[int, Message] | None:
        """Wait for the next message of any replica, some seconds at most; those of one replica come in their order.

        A replica with a lease that gives no sign of life for too long is killed, and has Died.
        """
        ...

    def close(self) -> None:
        """End all replicas, within seconds, whatever they do."""
        ...


def answer(engine: Engine, requests: Sequence[Request], is_cancelled: Callable[[], bool]) -> Iterator[Message]:
    """A replica's work on one lease: an Answered for each request as soon as it is known, then Finished."""
    stats, sent = InferenceStats(), InferenceStats()
    outcomes = engine.generate(requests, stats)
    with ExitStack() as stack:
        if close := getattr(outcomes, "close", None):
            stack.callback(close)
        for index, outcome in outcomes:
            added, sent = difference(stats, sent)
            yield Answered(index, outcome, added)
            if is_cancelled():
                break
    added, _ = difference(stats, sent)
    yield Finished(added, machine_use(engine))


def difference(stats: InferenceStats, before: InferenceStats) -> tuple[InferenceStats, InferenceStats]:
    """What was added to counts and times since `before`, and a copy of them as they are now."""
    now = InferenceStats(**{name: getattr(stats, name) for name in COUNTS})
    return InferenceStats(**{name: getattr(now, name) - getattr(before, name) for name in COUNTS}), now


def add_stats(stats: InferenceStats, added: InferenceStats | None) -> None:
    """Add counts and times to `stats`."""
    for name in COUNTS if added else ():
        setattr(stats, name, getattr(stats, name) + getattr(added, name))
