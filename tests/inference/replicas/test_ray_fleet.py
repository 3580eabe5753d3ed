"""What of Ray's fleet needs no cluster; `tests/integration/ray_cluster.py` does the rest on a real one."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from emma_eval.errors import UserError
from emma_eval.inference.engine import MachineUse
from emma_eval.inference.replicas import ray_fleet
from emma_eval.inference.replicas.fleet import Answered, Finished
from emma_eval.inference.replicas.ray_fleet import RayFleet, connect, has_room, shares, together
from emma_eval.types import Failure, InferenceStats

DONE = Finished(InferenceStats(), MachineUse("A CPU", 1, None))


def cluster(*nodes: dict[str, float], lost: int = 0) -> Any:
    """Ray's module, as far as it is asked for the cluster's nodes."""
    alive = [{"Alive": True, "Resources": node} for node in nodes]
    return SimpleNamespace(nodes=lambda: alive + [{"Alive": False, "Resources": {"CPU": 64, "GPU": 8}}] * lost)


@pytest.mark.parametrize(
    ("nodes", "replicas", "device", "expected"),
    [
        ([{"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 1}], None, None, (3, {"num_gpus": 1, "num_cpus": 1})),
        ([{"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 1}], 2, "cuda", (2, {"num_gpus": 1, "num_cpus": 1})),
        ([{"CPU": 8, "GPU": 2}, {"CPU": 6}], None, "cpu", (2, {"num_cpus": 6})),
        ([{"CPU": 5}, {"CPU": 1}], 2, None, (2, {"num_cpus": 2})),
        ([{"CPU": 4}, {"CPU": 2}], 3, None, (3, {"num_cpus": 2})),
        ([{"CPU": 4}, {"memory": 1e9}], None, None, (1, {"num_cpus": 4})),
    ],
)
def test_a_replica_gets_a_gpu_or_the_most_cpus_that_fit(
    nodes: list[dict[str, float]], replicas: int | None, device: str | None, expected: object
) -> None:
    assert shares(cluster(*nodes, lost=1), replicas, device) == expected


@pytest.mark.parametrize(
    ("nodes", "replicas", "device", "message"),
    [
        ([{"CPU": 8, "GPU": 2}], 3, None, "--replicas 3: the cluster has 2 GPUs"),
        ([{"CPU": 8}], None, "cuda", "--replicas 1: the cluster has 0 GPUs"),
        ([{"CPU": 2}], 3, None, "--replicas 3: the cluster has 2 CPUs"),
        ([{"CPU": 2}], None, "cuda:0", "--device cuda:0 is one device"),
    ],
)
def test_more_than_the_cluster_has_is_refused(
    nodes: list[dict[str, float]], replicas: int | None, device: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        shares(cluster(*nodes), replicas, device)


@pytest.mark.parametrize(
    ("node", "resources", "expected"),
    [
        ({"Alive": True, "Resources": {"CPU": 4}}, {"num_cpus": 4}, True),
        ({"Alive": True, "Resources": {"CPU": 4, "GPU": 1}}, {"num_gpus": 1, "num_cpus": 1}, True),
        ({"Alive": True, "Resources": {"CPU": 4}}, {"num_cpus": 5}, False),
        ({"Alive": True, "Resources": {"CPU": 4}}, {"num_gpus": 1, "num_cpus": 1}, False),
        ({"Alive": False, "Resources": {}}, {"num_cpus": 1}, False),
    ],
)
def test_a_machine_has_room_for_a_replica(node: dict[str, Any], resources: dict[str, float], expected: bool) -> None:
    assert has_room([{"Alive": False, "Resources": {}}, node], resources) is expected


def test_a_cluster_without_a_machine_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    nodes: list[dict[str, Any]] = [{"Alive": True, "Resources": {"CPU": 1}}]

    def wait(refs: object, timeout: float) -> tuple[list[object], object]:
        clock[0] += timeout
        return [], refs

    monkeypatch.setattr(ray_fleet.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(ray_fleet, "connect", lambda address: SimpleNamespace(nodes=lambda: nodes, wait=wait))
    fleet = RayFleet(SimpleNamespace(spec=SimpleNamespace(device=None)), "auto", 1)  # type: ignore[arg-type]
    fleet._waiting["the ready of a replica"] = 0
    for _ in range(100):
        assert fleet.next_message() is None
    nodes[:] = [{"Alive": False, "Resources": {}}]
    for _ in range(int(ray_fleet.LOST_SECONDS) - 1):
        assert fleet.next_message() is None
    with pytest.raises(UserError, match=r"no machine for a replica for 1 min.*the same command goes on"):
        fleet.next_message()


def test_messages_travel_in_lists_and_none_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, *[0.1] * 31, 0.1, *[0.2] * 3, 0.9, 0.9, 1.0, 1.0, *[1.0] * 9])
    monkeypatch.setattr(ray_fleet.time, "monotonic", lambda: next(clock))
    answered = [Answered(index, Failure("no")) for index in range(36)]
    sent = list(together([*answered, DONE]))
    assert [one for messages in sent for one in messages] == [*answered, DONE]
    assert [len(messages) for messages in sent] == [32, 4, 1]


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_what_to_install() -> None:
    with pytest.raises(UserError, match=r"pip install 'emma-eval\[ray\]'"):
        connect("auto")


def test_ray_client_is_refused() -> None:
    with pytest.raises(UserError, match="ray://head:10001: Ray Client is not supported"):
        connect("ray://head:10001")
