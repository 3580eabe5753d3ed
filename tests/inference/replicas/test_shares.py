"""What each replica gets of this machine, and what is refused."""

from __future__ import annotations

import pytest

from emma_eval.errors import UserError
from emma_eval.inference.replicas import shares


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(shares, "usable_cpus", lambda: 8)
    monkeypatch.setattr(shares, "_count_gpus", lambda: 0)


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(shares, "_count_gpus", lambda: count)


def test_without_gpus_the_cpus_are_shared_evenly() -> None:
    assert shares.environments(3, None) == [{"OMP_NUM_THREADS": "2"}] * 3


def test_threads_that_the_user_names_are_each_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert shares.environments(2, "cpu") == [{"OMP_NUM_THREADS": "1"}] * 2


def test_each_replica_sees_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 4)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in shares.environments(3, None)] == ["0", "1", "2"]


def test_only_visible_gpus_are_dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-8a1b")
    assert [one["CUDA_VISIBLE_DEVICES"] for one in shares.environments(2, "cuda")] == ["5", "GPU-8a1b"]


@pytest.mark.parametrize(
    ("listed", "seen", "names"),
    [
        ("3", 1, ["3"]),
        ("2,0", 2, ["2", "0"]),
        ("GPU-8a1b2c3d-0000,GPU-1f2e", 2, ["GPU-8a1b2c3d-0000", "GPU-1f2e"]),
        ("0,7,1", 1, ["0"]),  # CUDA stops at the first that is not there
        ("1,-1,2", 1, ["1"]),
        ("MIG-11aa,MIG-22bb,MIG-33cc", 1, ["MIG-11aa", "MIG-22bb", "MIG-33cc"]),  # CUDA counts the first slice alone
        ("MIG-GPU-8a1b/1/0, MIG-GPU-8a1b/2/0", 1, ["MIG-GPU-8a1b/1/0", "MIG-GPU-8a1b/2/0"]),
        ("MIG-11aa,MIG-11aa", 1, ["MIG-11aa"]),
        ("", 0, []),
        ("-1", 0, []),
        ("MIG-11aa", 0, []),  # no such slice
    ],
)
def test_the_visible_list_names_what_is_dealt_out(
    monkeypatch: pytest.MonkeyPatch, listed: str, seen: int, names: list[str]
) -> None:
    """`seen` is what CUDA counts under that list."""
    gpus(monkeypatch, seen)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert list(shares.visible_gpus(None)) == names


def test_on_the_cpu_gpus_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 4)
    assert "CUDA_VISIBLE_DEVICES" not in shares.environments(2, "cpu")[0]


@pytest.mark.parametrize(
    ("replicas", "device", "seen", "message"),
    [
        (3, None, 2, r"--replicas 3: 2 GPUs can be seen.*--device cpu"),
        (9, None, 0, r"--replicas 9: 8 CPUs can be used"),
        (2, "cuda:1", 2, r"--device cuda:1 is one device; .*--device cuda$"),
        (2, "mps", 0, r"--device mps is one device"),
    ],
)
def test_more_than_there_is_and_single_devices_are_refused(
    monkeypatch: pytest.MonkeyPatch, replicas: int, device: str | None, seen: int, message: str
) -> None:
    gpus(monkeypatch, seen)
    with pytest.raises(UserError, match=message):
        shares.environments(replicas, device)
