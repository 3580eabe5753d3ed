"""The CPUs that this process may use, and settings of OpenMP and malloc that are faster for this program."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

# Threads that spin while they wait made torch 4 times slower on shared processors; threads that sleep at once made
# batches of emma-mini a quarter slower on two idle ones. Spinning 10,000 times, some 50 microseconds, bridges the gap
# between two operations.
OPENMP_WAIT_POLICY = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "10000"}

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers for them, in malloc.h


def set_openmp_wait_policy() -> None:
    """Set how OpenMP threads wait, unless the user has. It has no effect once torch is imported."""
    for variable, value in OPENMP_WAIT_POLICY.items():
        os.environ.setdefault(variable, value)


def set_malloc_thresholds() -> None:
    """Let glibc keep freed memory: returning it and faulting it in again page by page made batches a tenth slower."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):  # musl has nothing like it
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            libc.mallopt(option, 2**30)


def return_freed_memory() -> None:
    """Give the kernel what glibc keeps by `set_malloc_thresholds`: after gigabytes that are not needed again."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """The processors that this process may run on, limited by its control group's quota; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, int(_cgroup_quota(cgroup) or affinity)))


def _cgroup_quota(cgroup: Path) -> float | None:
    """The quota in processors, of cgroup v2 (`cpu.max`: "200000 100000") or v1; None without limit."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None  # "max" and -1: no limit
