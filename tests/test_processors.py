"""A container's quota counts, not the machine's size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emma_eval.processors import usable_cpus


@pytest.fixture(autouse=True)
def machine_of_64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("content", "cpus"), [("max 100000", 64), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_version_2(content: str, cpus: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    assert usable_cpus(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("-1", 64), ("400000", 4)])
def test_version_1(quota: str, cpus: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cpus(tmp_path) == cpus


def test_no_control_group(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 64
