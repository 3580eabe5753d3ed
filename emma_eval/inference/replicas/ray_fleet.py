"""Replicas as actors of a Ray cluster, on as many machines as it has.

Every machine needs this package, and data and model at the same paths; images in tables travel with the requests. Ray
starts a dead actor again, elsewhere if its machine is lost. An actor's own error tells of its death after a second or
two; that its machine is dead Ray knows half a minute later, so that is not waited for.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import current_thread, main_thread
from typing import Any

from emma_eval.errors import MissingToolError, UserError
from emma_eval.inference.engine import Engine, machine_use
from emma_eval.inference.replicas.fleet import Died, Finished, Message, Ready, ReplicaJob, answer
from emma_eval.inference.replicas.packing import unpack
from emma_eval.inference.replicas.worker import last_words, load
from emma_eval.models import ModelHandle
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.hub import OFFLINE_VARIABLE, offline_switch
from emma_eval.utils.text import error_message, format_duration

RESTARTS = 3  # by Ray, of each actor
FROZEN_SECONDS = 600.0  # without a beat: more than on this machine, where it is seen whether a process computes
BEAT_SECONDS, TICK_SECONDS = 5.0, 1.0
LOST_SECONDS = 60.0  # without a machine for any replica, while none computes
RETRY_SECONDS = 0.5  # between two questions whether a restarted actor is ready: until then calls fail at once
MESSAGES, MESSAGE_SECONDS = 32, 0.5  # sent together at most, since an object of Ray's takes a millisecond
LOOPBACK = "127.0.0.2"  # Ray replaces 127.0.0.1 by the machine's own address


class RayReplica:
    """The actor. Ray makes it again when it has died, so it loads the engine where it is made."""

    def __init__(self, job: ReplicaJob, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._job, self._cancelled = job, 0
        self._engine: Engine | None = None
        self._words: Message | None = None
        try:
            self._engine = load(job)
        except Exception as error:
            self._words = last_words(error)

    def ready(self) -> Message:
        """Ready, or why the engine cannot be loaded."""
        if self._engine is None:
            return self._words or Died("it has no engine")
        fingerprint = ModelHandle(self._job.spec).fingerprint()
        return Ready(self._engine.describe(), machine_use(self._engine), fingerprint)

    def answer(self, number: int, lease: bytes) -> Iterator[list[Message]]:
        """The messages on one lease, some at a time."""
        assert self._engine is not None
        try:
            yield from together(answer(self._engine, unpack(lease), lambda: self._cancelled >= number))
        except Exception as error:
            yield [last_words(error)]

    def cancel(self, number: int) -> None:
        """Drop what is left of the lease of this number; called while `answer` runs."""
        self._cancelled = number

    def beat(self) -> None:
        """Show that the actor lives; called while `answer` runs."""


def together(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """The messages in lists of some, none kept longer than half a second once the next is there."""
    kept: list[Message] = []
    since = time.monotonic()
    for message in messages:
        kept.append(message)
        if len(kept) >= MESSAGES or time.monotonic() - since >= MESSAGE_SECONDS or isinstance(message, Finished):
            yield kept
            kept, since = [], time.monotonic()


@dataclass(slots=True)
class _Pulse:
    """Of an actor with a lease. Seconds in which this process itself was paused are left out."""

    beat: Any = None  # the ref of the last call
    since_beat: float = 0.0
    silence: float = 0.0


class RayFleet:
    """Actors of one cluster."""

    def __init__(self, job: ReplicaJob, address: str, replicas: int | None) -> None:
        """Connect, or start a cluster for `local`.

        Raises UserError if there is none, or not enough in it; MissingToolError without Ray.
        """
        self._job = job
        self._ray = connect(address)
        try:
            self._size, self._resources = shares(self._ray, replicas, job.spec.device)
        except BaseException:
            self._ray.shutdown()
            raise
        self._actors: dict[int, Any] = {}
        self._leases: dict[int, int] = {}  # the number of each replica's last one
        self._waiting: dict[Any, int] = {}  # refs of `ready` and generators of `answer`, of which replica
        self._again: dict[int, float] = {}  # replicas that Ray is starting again, and when to ask them
        self._messages: deque[tuple[int, Message]] = deque()
        self._pulses: dict[int, _Pulse] = {}
        self._looked = time.monotonic()  # for frozen actors and lost machines
        self._lost = 0.0  # seconds

    @property
    def size(self) -> int:
        """How many there are."""
        return self._size

    def start(self, replica: int) -> None:
        """Make the actor, or wait until Ray has made it again."""
        if replica not in self._actors:
            environment = {OFFLINE_VARIABLE: "1"} if offline_switch() else {}
            options = {"max_restarts": RESTARTS, "max_task_retries": 0, "max_concurrency": 3, **self._resources}
            self._actors[replica] = self._ray.remote(**options)(RayReplica).remote(self._job, environment)
        self._waiting[self._actors[replica].ready.remote()] = replica

    def assign(self, replica: int, lease: bytes) -> None:
        """Begin the lease."""
        number = self._leases[replica] = self._leases.get(replica, 0) + 1
        actor = self._actors[replica]
        self._pulses[replica] = _Pulse()
        self._waiting[actor.answer.options(num_returns="streaming").remote(number, lease)] = replica

    def cancel(self, replica: int) -> None:
        """Tell the actor, which does three things at a time."""
        if actor := self._actors.get(replica):
            actor.cancel.remote(self._leases[replica])

    def next_message(self) -> tuple[int, Message] | None:
        """The next message of any actor, within a second. One that does not answer for minutes is killed, and has died.

        Ray itself looks after machines, not after a process of theirs that was stopped. Raises UserError if no machine
        is left for a replica: Ray would wait for one.
        """
        if not self._messages:
            passed = time.monotonic() - self._looked
            if passed >= TICK_SECONDS:
                self._looked += passed
                seconds = min(passed, 2 * TICK_SECONDS)  # more: this process was paused
                self._look_for_frozen(seconds)
                self._require_machine(seconds)
            self._ask_again()
            timeout = RETRY_SECONDS if self._again else TICK_SECONDS
            if not self._waiting:
                time.sleep(RETRY_SECONDS)
            for waitable in self._ray.wait(list(self._waiting), timeout=timeout)[0] if self._waiting else ():
                self._messages.extend(self._received(waitable, self._waiting.pop(waitable)))
        if not self._messages:
            return None
        replica, message = self._messages.popleft()
        if isinstance(message, Finished | Died):
            self._pulses.pop(replica, None)
        return replica, message

    def close(self) -> None:
        """End the actors and the connection."""
        for actor in self._actors.values():
            with suppress(Exception):  # it may be dead, or the cluster gone
                self._ray.kill(actor, no_restart=True)
        self._actors.clear()
        self._ray.shutdown()

    def _received(self, waitable: Any, replica: int) -> Iterator[tuple[int, Message]]:
        """What has come of a call; of a generator one list, after which it waits for the next."""
        is_lease = not isinstance(waitable, self._ray.ObjectRef)
        errors = self._ray.exceptions
        try:
            received = self._ray.get(next(waitable) if is_lease else waitable)
        except StopIteration:
            yield replica, Died("its lease ended early")
        except errors.ActorUnavailableError as error:
            if is_lease:
                yield replica, Died(_reason(error))
            else:  # Ray is still starting it again
                self._again[replica] = time.monotonic() + RETRY_SECONDS
        except errors.RayError as error:
            if isinstance(error, errors.ActorDiedError):  # Ray gives it up; `start` makes another
                self._actors.pop(replica, None)
            yield replica, Died(_reason(error))
        else:
            messages = received if is_lease else [received]
            if pulse := self._pulses.get(replica):
                pulse.silence = 0.0
            if is_lease and not isinstance(messages[-1], Finished):
                self._waiting[waitable] = replica
            if isinstance(messages[-1], Died):  # an exception that it raised: another process takes its place
                self._give_up(replica)
            yield from ((replica, message) for message in messages)

    def _look_for_frozen(self, seconds: float) -> None:
        for replica, pulse in list(self._pulses.items()):
            pulse.silence, pulse.since_beat = pulse.silence + seconds, pulse.since_beat + seconds
            if pulse.beat is not None and self._ray.wait([pulse.beat], timeout=0)[0]:
                pulse.beat, pulse.silence = None, 0.0
            if pulse.beat is None and pulse.since_beat >= BEAT_SECONDS:
                pulse.beat, pulse.since_beat = self._actors[replica].beat.remote(), 0.0
            if pulse.silence >= FROZEN_SECONDS:
                self._give_up(replica)
                reason = f"killed, for it gave no sign of life for {format_duration(pulse.silence)}"
                self._messages.append((replica, Died(reason)))

    def _require_machine(self, seconds: float) -> None:
        self._lost = 0.0 if self._pulses or has_room(self._ray.nodes(), self._resources) else self._lost + seconds
        if self._lost >= LOST_SECONDS:
            raise UserError(
                f"the Ray cluster has had no machine for a replica for {format_duration(self._lost)}; what is answered "
                "is kept, and the same command goes on with another cluster"
            )

    def _give_up(self, replica: int) -> None:
        """Kill the actor; `start` makes another."""
        self._ray.kill(self._actors.pop(replica), no_restart=True)
        self._waiting = {one: other for one, other in self._waiting.items() if other != replica}

    def _ask_again(self) -> None:
        now = time.monotonic()
        for replica in [one for one, when in self._again.items() if when <= now]:
            del self._again[replica]
            self._waiting[self._actors[replica].ready.remote()] = replica


def connect(address: str) -> Any:
    """Ray's module, connected to the cluster. Raises UserError if there is none, MissingToolError without Ray."""
    if address.startswith("ray://"):
        raise UserError(f"--ray {address}: Ray Client is not supported; run on a machine of the cluster, with auto")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingToolError("--ray needs Ray: pip install 'emma-eval[ray]'") from error
    local = address == "local"
    more: dict[str, Any] = {"num_cpus": usable_cpus(), "include_dashboard": False} if local else {}
    if local and sys.platform == "linux":
        more["_node_ip_address"] = LOOPBACK
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False, configure_logging=True, **more)
    except Exception as error:  # Ray raises some as nothing more
        raise UserError(f"--ray {address}: no cluster can be reached: {error_message(error)[:300]}") from error
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end the run without a word
    return ray


def shares(ray: Any, replicas: int | None, device: str | None) -> tuple[int, dict[str, float]]:
    """How many replicas, and what each takes of a node. Raises UserError where the cluster has too little."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if device not in (None, "auto", "cpu", "cuda"):
        raise UserError(f"--device {device} is one device; --ray shares out the cluster's: --device cuda or cpu")
    gpus = 0 if device == "cpu" else int(sum(node.get("GPU", 0) for node in nodes))
    if gpus or device == "cuda":
        if (replicas or 1) > gpus:
            raise UserError(f"--replicas {replicas or 1}: the cluster has {gpus} GPUs, and each replica needs one")
        return replicas or gpus, {"num_gpus": 1, "num_cpus": 1}
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    count = replicas or sum(number > 0 for number in cpus)
    for each in range(max(cpus, default=0), 0, -1):
        if count and sum(number // each for number in cpus) >= count:
            return count, {"num_cpus": each}
    raise UserError(f"--replicas {count}: the cluster has {sum(cpus)} CPUs, and each replica needs at least one")


def has_room(nodes: Iterable[Mapping[str, Any]], resources: Mapping[str, float]) -> bool:
    """Whether a machine that is alive has what a replica takes, whoever uses it now. A dead one is known in 15 s."""
    needs = {{"num_cpus": "CPU", "num_gpus": "GPU"}[name]: count for name, count in resources.items()}
    return any(
        node["Alive"] and all(node["Resources"].get(name, 0) >= count for name, count in needs.items())
        for node in nodes
    )


def _reason(error: Exception) -> str:
    """The kind of error and the first clause of Ray's message, which has several lines."""
    return f"{type(error).__name__}: {re.split(r'[:.] ', error_message(error))[0]:.120}"
