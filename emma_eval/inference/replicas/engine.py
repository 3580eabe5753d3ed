"""The engine of several replicas: leases out, outcomes in, each request counted once, whatever dies meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, fields

from emma_eval.errors import UserError
from emma_eval.inference.engine import EngineDescription, MachineUse
from emma_eval.inference.replicas.fleet import Answered, Died, Finished, Fleet, Message, Ready, Refused, add
from emma_eval.inference.replicas.leases import Groups, LeasePlanner
from emma_eval.inference.replicas.packing import pack
from emma_eval.types import Failure, Generation, InferenceStats, Request
from emma_eval.utils import environment
from emma_eval.utils.text import pluralize

MAX_RESTARTS = 3  # of each replica

Outcome = tuple[int, Generation | Failure]


@dataclass(slots=True)
class _Lease:
    """What a replica was given, and what of it has no outcome yet."""

    order: list[int]  # indices of requests, as they were packed
    groups: Groups
    left: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.left = set(self.order)

    @property
    def unanswered(self) -> Groups:
        """The groups without the requests that have an outcome."""
        return [[index for index in group if index in self.left] for group in self.groups]


class ReplicatedEngine:
    """Answers requests by all replicas of a fleet. `report` takes a line for the user."""

    def __init__(self, fleet: Fleet, report: Callable[[str], None], fingerprint: str = "") -> None:
        """Load all replicas.

        Raises UserError if one cannot be loaded, or loads another model than the first; `fingerprint` is the run's.
        """
        self._fleet, self._report, self._fingerprint = fleet, report, fingerprint
        self._ready: dict[int, Ready] = {}  # by replica, of its last start
        self._uses: dict[int, MachineUse] = {}
        self._idle: set[int] = set()
        self._leases: dict[int, _Lease] = {}
        self._restarts: Counter[int] = Counter()
        self._has_answered: set[int] = set()  # since its last start
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
        left = len(requests)
        try:
            while left:
                self._hand_out(planner, requests)
                replica, message = self._fleet.next_message()
                lease = self._leases.get(replica)
                if isinstance(message, Answered) and lease:
                    add(stats, message.stats)
                    index = lease.order[message.index]
                    if index in lease.left:
                        lease.left.remove(index)
                        self._has_answered.add(replica)
                        left -= 1
                        yield index, message.outcome
                elif isinstance(message, Finished) and lease:
                    add(stats, message.stats)
                    planner.give_back(self._finish(replica, message))
                elif isinstance(message, Died):
                    planner.give_back(self._died(replica, message))
                else:
                    self._take_in(replica, message)
        finally:
            for replica in self._leases:  # they are told, and what they still send is not counted
                self._fleet.cancel(replica)
            self._leases.clear()

    def _load(self) -> None:
        for replica in range(self._fleet.size):
            self._fleet.start(replica)
        while len(self._ready) < self._fleet.size:
            replica, message = self._fleet.next_message()
            if isinstance(message, Died):
                raise _fault(message) or UserError(
                    f"replica {replica + 1} died while its model was loaded: {message.reason}; "
                    "fewer --replicas need less memory"
                )
            self._take_in(replica, message)

    def _hand_out(self, planner: LeasePlanner, requests: Sequence[Request]) -> None:
        """Give a lease to every replica that waits, as long as there are any."""
        for replica in sorted(self._idle):
            if not (groups := planner.take()):
                return
            data, count = pack([[requests[index] for index in group] for group in groups])
            planner.give_back(groups[count:])
            groups = groups[:count]
            self._idle.discard(replica)
            self._leases[replica] = _Lease([index for group in groups for index in group], groups)
            self._fleet.assign(replica, data)

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
        """The replica waits again; what its engine left without outcome, against its contract, is asked again."""
        self._uses[replica] = message.use
        self._idle.add(replica)
        return self._leases.pop(replica).unanswered

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
        back = f"; its {pluralize(len(lease.left), 'request')} go to the others" if lease and lease.left else ""
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
        return lease.unanswered if lease else []


def _fault(message: Died) -> RuntimeError | None:
    """The exception that a replica raised, as one of this process; None if the replica was killed."""
    return RuntimeError(f"a replica failed: {message.traceback}") if message.traceback else None
