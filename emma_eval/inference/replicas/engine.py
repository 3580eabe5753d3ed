"""The engine of several replicas: leases out, outcomes in, each request counted once, whatever dies or hangs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, fields

from emma_eval.errors import UserError
from emma_eval.inference.engine import EngineDescription, MachineUse, Outcome
from emma_eval.inference.replicas.fleet import Answered, Died, Finished, Fleet, Message, Ready, Refused, add_stats
from emma_eval.inference.replicas.leases import Groups, LeasePlanner
from emma_eval.inference.replicas.packing import pack
from emma_eval.types import InferenceStats, Request
from emma_eval.utils import environment
from emma_eval.utils.text import format_duration, pluralize

MAX_RESTARTS = 3  # of each replica
STALLED_SECONDS = 600.0  # without an outcome, while another replica has nothing left to do
SETTLING_SECONDS = 2.0  # for the last counts, when every request has its outcome


@dataclass(slots=True)
class _Lease:
    """What a replica was given."""

    order: list[int]  # indices of requests, as they were packed
    groups: Groups
    outcomes: int = 0
    last_sign: float = field(default_factory=time.monotonic)  # its last outcome, or its beginning
    is_shared: bool = False  # the same was given to others


class ReplicatedEngine:
    """Answers requests by all replicas of a fleet. `report` takes a line for the user."""

    def __init__(self, fleet: Fleet, report: Callable[[str], None], fingerprint: str = "") -> None:
        """Load all replicas.

        Raises UserError if one cannot be loaded, or loads another model than the first; `fingerprint` is the run's.
        """
        self._fleet, self._report, self._fingerprint = fleet, report, fingerprint
        self._ready: dict[int, Ready] = {}  # by replica, of its last start
        self._uses: dict[int, MachineUse] = {}  # by replica, as it told last
        self._idle: set[int] = set()  # replicas that wait for a lease
        self._leases: dict[int, _Lease] = {}  # by replica
        self._open: set[int] = set()  # indices of the requests without an outcome
        self._restarts: Counter[int] = Counter()  # by replica
        self._has_answered: set[int] = set()  # replicas, since their last start
        try:
            self._load()
        except BaseException:
            fleet.close()
            raise

    @property
    def replicas(self) -> int:
        """How many copies of the model there are."""
        return self._fleet.size

    def describe(self) -> EngineDescription:
        """What every replica says of its model."""
        return next(iter(self._ready.values())).description

    def machine_use(self) -> MachineUse:
        """The devices' names, all processes' memory together, the fullest GPU's."""
        names = dict.fromkeys(use.device_name for use in self._uses.values())
        host = environment.peak_host_memory() + sum(use.host_memory for use in self._uses.values())
        devices = [use.device_memory for use in self._uses.values() if use.device_memory is not None]
        return MachineUse(", ".join(names), host, max(devices, default=None))

    def close(self) -> None:
        """End all replicas."""
        self._fleet.close()

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield each request's outcome as a replica sends it."""
        planner = LeasePlanner(requests, self._fleet.size)
        self._open = set(range(len(requests)))
        try:
            while self._open:
                self._hand_out(planner, requests)
                if (heard := self._fleet.next_message()) is None:
                    continue
                replica, message = heard
                lease = self._leases.get(replica)
                if isinstance(message, Answered) and lease:
                    add_stats(stats, message.stats)
                    index = lease.order[message.index]
                    lease.outcomes, lease.last_sign = lease.outcomes + 1, time.monotonic()
                    self._has_answered.add(replica)
                    if index in self._open:  # else another replica was faster
                        self._open.remove(index)
                        yield index, message.outcome
                elif isinstance(message, Finished) and lease:
                    add_stats(stats, message.stats)
                    planner.give_back(self._finish(replica, message))
                elif isinstance(message, Died):
                    planner.give_back(self._died(replica, message))
                else:
                    self._take_in(replica, message)
            self._settle(stats)
        finally:
            for replica in self._leases:  # they are told, and what they still send is not counted
                self._fleet.cancel(replica)
            self._leases.clear()

    def _settle(self, stats: InferenceStats) -> None:
        """Wait a little for the last counts of the replicas that have answered all."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while any(not lease.is_shared for lease in self._leases.values()) and time.monotonic() < deadline:
            if heard := self._fleet.next_message():
                replica, message = heard
                if isinstance(message, Died):
                    self._died(replica, message)
                    continue
                if isinstance(message, Finished) and replica in self._leases:
                    add_stats(stats, message.stats)
                    del self._leases[replica]
                self._take_in(replica, message)

    def _load(self) -> None:
        for replica in range(self._fleet.size):
            self._fleet.start(replica)
        while len(self._ready) < self._fleet.size:
            if (heard := self._fleet.next_message()) is None:
                continue
            replica, message = heard
            if isinstance(message, Died):
                raise _fault(message) or UserError(
                    f"replica {replica + 1} died while its model was loaded: {message.reason}; "
                    "fewer --replicas need less memory"
                )
            self._take_in(replica, message)

    def _hand_out(self, planner: LeasePlanner, requests: Sequence[Request]) -> None:
        """Give a lease to every replica that waits, as long as there are any."""
        for replica in sorted(self._idle):
            if not (groups := self._next_groups(planner)):
                return
            data, count = pack([[requests[index] for index in group] for group in groups])
            planner.give_back(groups[count:])
            groups = groups[:count]
            self._idle.discard(replica)
            self._leases[replica] = _Lease([index for group in groups for index in group], groups)
            self._fleet.assign(replica, data)

    def _next_groups(self, planner: LeasePlanner) -> Groups:
        """The next lease; once all are handed out, what a replica holds that has stalled."""
        while groups := planner.take():
            if groups := self._unanswered(groups):
                return groups
        now = time.monotonic()
        for replica, lease in self._leases.items():
            silent = now - lease.last_sign
            if silent >= STALLED_SECONDS and not lease.is_shared and (groups := self._unanswered(lease.groups)):
                lease.is_shared = True
                self._report(
                    f"replica {replica + 1} has answered nothing for {format_duration(silent)}; "
                    f"its {pluralize(sum(map(len, groups)), 'request')} go to the others too"
                )
                planner.give_back(groups)
                return planner.take()
        return []

    def _unanswered(self, groups: Groups) -> Groups:
        """The groups without the requests that have an outcome."""
        left = ([index for index in group if index in self._open] for group in groups)
        return [group for group in left if group]

    def _take_in(self, replica: int, message: Message) -> None:
        """What a replica says without a lease. Raises UserError for what the user must mend."""
        if isinstance(message, Refused):
            raise UserError(message.message)
        if isinstance(message, Ready):
            self._require_same(replica, message)
            self._ready[replica], self._uses[replica] = message, message.use
            self._idle.add(replica)
        elif isinstance(message, Finished):  # of a lease that was cancelled
            self._uses[replica] = message.use
            self._idle.add(replica)

    def _require_same(self, replica: int, ready: Ready) -> None:
        """Raise UserError if the replica has loaded another model than the run's, or than the others."""
        if self._fingerprint and ready.fingerprint and ready.fingerprint != self._fingerprint:
            raise UserError(
                f"replica {replica + 1} ({ready.use.device_name}) has other model files than the run's process: "
                f"fingerprint {ready.fingerprint[:12]} there, {self._fingerprint[:12]} here"
            )
        for number, other in self._ready.items():
            for fact in fields(EngineDescription):
                one, two = getattr(other.description, fact.name), getattr(ready.description, fact.name)
                if one != two:
                    raise UserError(
                        f"replica {replica + 1} has loaded the model with {fact.name} {two}, "
                        f"replica {number + 1} with {one}; let --device and --dtype say what all can do"
                    )

    def _finish(self, replica: int, message: Finished) -> Groups:
        """The replica waits again; what its engine left without outcome, against its contract, is asked again.

        Raises UserError for an engine that ends a lease without any outcome, as it would again and again.
        """
        self._uses[replica] = message.use
        self._idle.add(replica)
        lease = self._leases.pop(replica)
        left = self._unanswered(lease.groups)
        if left and not lease.outcomes:
            raise UserError(
                f"the model's engine ended without a word on {pluralize(sum(map(len, left)), 'request')}; "
                "`generate` yields the index and the outcome of each, a Failure at the least"
            )
        return left

    def _died(self, replica: int, message: Died) -> Groups:
        """Start the replica again, if it may be, and return its requests without outcome.

        Raises UserError once no replica is left, RuntimeError for an exception that is the program's own fault.
        """
        self._idle.discard(replica)
        lease = self._leases.pop(replica, None)
        if replica not in self._has_answered and (fault := _fault(message)):
            raise fault
        self._has_answered.discard(replica)
        self._restarts[replica] += 1
        number, restarts = replica + 1, self._restarts[replica]
        groups = self._unanswered(lease.groups) if lease else []
        back = f"; its {pluralize(sum(map(len, groups)), 'request')} go to the others" if groups else ""
        if restarts > MAX_RESTARTS:
            self._report(f"replica {number} died ({message.reason}) and is given up{back}")
            if sum(count > MAX_RESTARTS for count in self._restarts.values()) == self._fleet.size:
                raise _fault(message) or UserError(
                    f"every replica died {MAX_RESTARTS + 1} times, the last one by this: {message.reason}; "
                    "what is answered is kept, and the same command goes on, with other --replicas too"
                )
        else:
            self._report(f"replica {number} died ({message.reason}){back}; restart {restarts} of {MAX_RESTARTS}")
            self._fleet.start(replica)
        return groups


def _fault(message: Died) -> RuntimeError | None:
    """The exception that a replica raised, as one of this process; None if the replica was killed."""
    return RuntimeError(f"a replica failed: {message.traceback}") if message.traceback else None
