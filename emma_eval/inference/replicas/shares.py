"""What each replica on this machine gets: one of the visible GPUs, or an even share of the CPUs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.text import pluralize

VISIBLE = "CUDA_VISIBLE_DEVICES"
MIG = "MIG-"  # begins the name of a slice of a GPU
GPU_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # NVIDIA, WSL, ROCm


def environments(replicas: int, device: str | None) -> list[dict[str, str]]:
    """Environment variables of each replica's process.

    Raises UserError where there are fewer GPUs or CPUs than replicas, or the device cannot be shared out.
    """
    gpus = visible_gpus(device)
    cpus = usable_cpus()
    if gpus and replicas > len(gpus):
        raise UserError(
            f"--replicas {replicas}: {pluralize(len(gpus), 'GPU')} can be seen, and each replica needs one of its own; "
            "--device cpu makes replicas on the CPU"
        )
    if replicas > cpus:
        raise UserError(
            f"--replicas {replicas}: {pluralize(cpus, 'CPU')} can be used here, and each replica needs at least one"
        )
    threads = os.environ.get("OMP_NUM_THREADS") or str(cpus // replicas)
    shared = {"OMP_NUM_THREADS": threads}
    return [shared | ({VISIBLE: gpus[number]} if gpus else {}) for number in range(replicas)]


def visible_gpus(device: str | None) -> Sequence[str]:
    """The GPUs to share out, as CUDA_VISIBLE_DEVICES names them (number, UUID, MIG slice); none for the CPU.

    Raises UserError for a device that is a single one.
    """
    if device == "cpu":
        return ()
    if device not in (None, "auto", "cuda"):
        raise UserError(f"--device {device} is one device; --replicas shares out all that can be seen: --device cuda")
    listed = os.environ.get(VISIBLE)
    count = _count_gpus()
    if listed is None or not count:
        return [str(number) for number in range(count)]
    names = [part.strip() for part in listed.split(",")]
    if names[0].startswith(MIG):  # a process sees the first slice alone, however many are listed
        return list(dict.fromkeys(name for name in names if name.startswith(MIG)))
    return names[:count]


def _count_gpus() -> int:
    """How many GPUs torch sees. It is not imported where no driver is."""
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in GPU_DRIVERS):
        return 0
    import torch

    return torch.cuda.device_count()
