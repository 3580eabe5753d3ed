"""The engine of replicas: none lost, none doubled, whoever dies; a fleet of the test stands for the processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from emma_eval.errors import UserError
from emma_eval.inference.engine import EngineDescription, MachineUse
from emma_eval.inference.replicas import engine as replicas_engine
from emma_eval.inference.replicas.engine import MAX_RESTARTS, ReplicatedEngine
from emma_eval.inference.replicas.fleet import Answered, Died, Finished, Message, Ready, Refused
from emma_eval.inference.replicas.packing import unpack
from emma_eval.types import Generation, InferenceStats, Request
from tests.inference.replicas.requests import on_images

READY = Ready(EngineDescription(dtype="float32", device="cpu"), MachineUse("A CPU", 100, None))
HALF = replace(READY, description=replace(READY.description, dtype="float16"))
KILLED = Died("killed by signal 9")
RAISED = Died("RuntimeError: oh", "Traceback: oh")


@dataclass
class FakeFleet:
    """Replicas that answer in turns, one request a message; `dies` says by what a replica dies at its n-th answer."""

    size: int = 2
    dies: Callable[[int, int], Died | None] = lambda replica, count: None
    starts: Callable[[int, int], Message] = lambda replica, start: READY
    hangs: Callable[[int, int], bool] = lambda replica, count: False  # at its n-th answer, for ever
    asked: list[str] = field(default_factory=list)  # ids of samples, as they were answered
    counts: dict[int, int] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    leases: int = 0
    closed: bool = False
    _messages: dict[int, deque[Message]] = field(default_factory=dict)
    _turn: int = 0

    def start(self, replica: int) -> None:
        self.started.append(replica)
        self._messages[replica] = deque([self.starts(replica, self.started.count(replica))])

    def assign(self, replica: int, lease: bytes) -> None:
        self.leases += 1
        for index, request in enumerate(unpack(lease)):
            count = self.counts[replica] = self.counts.get(replica, 0) + 1
            if self.hangs(replica, count):
                return
            if died := self.dies(replica, count):
                self._messages[replica].append(died)
                return
            self.asked.append(request.sample_id)
            outcome = Generation(request.sample_id, (replica,))
            self._messages[replica].append(Answered(index, outcome, InferenceStats(new_tokens=1, batches=1)))
        self._messages[replica].append(Finished(InferenceStats(computed_tokens=5), MachineUse("A CPU", 300, None)))

    def cancel(self, replica: int) -> None:
        self.cancelled.append(replica)

    def next_message(self) -> tuple[int, Message] | None:
        for _ in range(self.size):
            self._turn = (self._turn + 1) % self.size
            if self._messages[self._turn]:
                return self._turn, self._messages[self._turn].popleft()
        return None

    def close(self) -> None:
        self.closed = True


def answers(
    fleet: FakeFleet, requests: Sequence[Request], lines: list[str] | None = None
) -> tuple[dict[int, str], InferenceStats]:
    stats = InferenceStats()
    engine = ReplicatedEngine(fleet, (lines if lines is not None else []).append)
    found = list(engine.generate(requests, stats))
    assert len(found) == len(requests), "one outcome for each request"
    return {index: outcome.text for index, outcome in found if isinstance(outcome, Generation)}, stats


REQUESTS = on_images(number // 3 for number in range(600))
RIGHT = {index: request.sample_id for index, request in enumerate(REQUESTS)}


def test_all_replicas_answer_every_request_once() -> None:
    fleet = FakeFleet(3)
    found, stats = answers(fleet, REQUESTS)
    assert found == RIGHT
    assert sorted(fleet.asked, key=int) == [one.sample_id for one in REQUESTS]
    assert min(fleet.counts.values()) > 100
    assert (stats.new_tokens, stats.batches) == (600, 600)
    assert stats.computed_tokens == 5 * fleet.leases, "of the last lease too"


def test_the_requests_of_a_dead_replica_are_answered_by_the_others_and_it_starts_again() -> None:
    lines: list[str] = []
    fleet = FakeFleet(dies=lambda replica, count: KILLED if (replica, count) == (1, 20) else None)
    found, _ = answers(fleet, REQUESTS, lines)
    assert found == RIGHT
    assert len(fleet.asked) == 600, "what was answered before the death is not asked again"
    assert fleet.started == [0, 1, 1]
    left = 132 - 19  # its lease is a third of the 402 requests that the first one left, by whole images of three
    assert lines == [f"replica 2 died (killed by signal 9); its {left} requests go to the others; restart 1 of 3"]


def test_a_replica_that_keeps_dying_is_given_up_and_the_others_finish() -> None:
    lines: list[str] = []
    fleet = FakeFleet(dies=lambda replica, count: KILLED if replica == 1 and count % 5 == 0 else None)
    found, _ = answers(fleet, REQUESTS, lines)
    assert found == RIGHT
    assert fleet.started.count(1) == 1 + MAX_RESTARTS
    assert "is given up" in lines[-1]


def test_once_all_are_given_up_the_run_ends_and_keeps_what_is_answered() -> None:
    fleet = FakeFleet(dies=lambda replica, count: KILLED if count % 5 == 0 else None)
    engine = ReplicatedEngine(fleet, [].append)
    found = []
    with pytest.raises(UserError, match=r"every replica died 4 times.*killed by signal 9.*the same command goes on"):
        for outcome in engine.generate(REQUESTS, InferenceStats()):
            found.append(outcome)
    assert len(found) == len(dict(found)) == len(fleet.asked)


def test_an_exception_after_answers_is_a_death_like_others() -> None:
    fleet = FakeFleet(dies=lambda replica, count: RAISED if (replica, count) == (0, 9) else None)
    assert answers(fleet, REQUESTS)[0] == RIGHT


def test_an_exception_before_any_answer_is_the_programs_fault_and_is_not_tried_again() -> None:
    fleet = FakeFleet(dies=lambda replica, count: RAISED)
    with pytest.raises(RuntimeError, match="Traceback: oh"):
        answers(fleet, REQUESTS)
    assert fleet.started == [0, 1]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (Refused("no such template"), "^no such template$"),
        (KILLED, "replica 2 died while its model was loaded: killed by signal 9; fewer --replicas"),
        (
            replace(READY, description=replace(READY.description, dtype="float16")),
            "with dtype float.*replica . with float",
        ),
        (replace(READY, fingerprint="f" * 64), "replica 2 .* has other model files"),
    ],
)
def test_a_model_that_does_not_load_everywhere_ends_the_run(message: Message, error: str) -> None:
    fleet = FakeFleet(starts=lambda replica, start: message if replica == 1 else READY)
    with pytest.raises(UserError, match=error):
        ReplicatedEngine(fleet, [].append, fingerprint="a" * 64)
    assert fleet.closed


def test_closed_early_it_cancels_and_late_answers_are_not_counted_for_the_next_requests() -> None:
    fleet = FakeFleet()
    engine = ReplicatedEngine(fleet, [].append)
    early = engine.generate(REQUESTS, InferenceStats())
    next(early)
    early.close()
    assert fleet.cancelled == [0, 1]
    again = dict(engine.generate(REQUESTS[:50], InferenceStats()))
    assert {index: one.text for index, one in again.items()} == {index: RIGHT[index] for index in range(50)}


def test_what_a_hanging_replica_holds_is_answered_by_the_others_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas_engine, "STALLED_SECONDS", 0.05)
    lines: list[str] = []
    fleet = FakeFleet(3, hangs=lambda replica, count: (replica, count) == (1, 20))
    found, _ = answers(fleet, REQUESTS, lines)
    assert found == RIGHT
    left = 102 - 19  # its lease is the second: by whole images, of 468 requests one in 4.5
    assert lines == [f"replica 2 has answered nothing for 0 s; its {left} requests go to the others too"]
    assert len(fleet.asked) == 600, "nobody is asked what is answered"
    assert fleet.cancelled == [1], "the others have finished"


def test_of_two_answers_to_a_request_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that was only slow goes on while another has been given the same."""
    monkeypatch.setattr(replicas_engine, "STALLED_SECONDS", 0.0)
    fleet = FakeFleet(3)
    found, _ = answers(fleet, REQUESTS)
    assert found == RIGHT
    assert len(fleet.asked) > 600


def test_an_engine_that_ends_without_a_word_ends_the_run() -> None:
    class Silent(FakeFleet):
        def assign(self, replica: int, lease: bytes) -> None:
            self._messages[replica].append(Finished(InferenceStats(), READY.use))

    with pytest.raises(UserError, match=r"ended without a word on \d+ requests; `generate` yields"):
        answers(Silent(), REQUESTS)


def test_peaks_of_memory_are_added_up_over_processes() -> None:
    fleet = FakeFleet()
    engine = ReplicatedEngine(fleet, [].append)
    list(engine.generate(REQUESTS, InferenceStats()))
    use = engine.machine_use()
    assert use.device_name == "A CPU"
    assert use.host_memory > 600
    assert use.device_memory is None
