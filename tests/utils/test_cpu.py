"""A container's quota limits the CPUs that are used; freed memory stays with the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval.utils.cpu import usable_cpus


@pytest.fixture(autouse=True)
def machine_of_64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("content", "cpus"), [("max 100000", 64), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_the_quota_of_cgroup_v2_counts(content: str, cpus: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    assert usable_cpus(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("-1", 64), ("400000", 4)])
def test_the_quota_of_cgroup_v1_counts(quota: str, cpus: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cpus(tmp_path) == cpus


def test_without_a_control_group_all_cpus_count(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 64


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_is_not_fetched_from_the_kernel_again() -> None:
    code = """
import resource
from emma_eval.utils.cpu import set_malloc_thresholds
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
set_malloc_thresholds()
first = faults(); bytearray(2**26); second = faults(); bytearray(2**26); third = faults()
print(second - first, third - second)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fetched, again = map(int, ended.stdout.split())
    assert fetched > 10_000
    assert again < 100
