"""Engines that have an environment of their own: its Python, and the command that runs with it.

`--vllm-python FILE` and `--ray-python FILE` name the Pythons. Without them it is the fault run's own.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache

PYTHONS = {"vllm": sys.executable, "ray": sys.executable}
NAMES = {"vllm": "vLLM", "ray": "Ray"}


def python_of(package: str) -> str:
    """The Python that runs a command which needs the package; any if it is empty."""
    return PYTHONS.get(package, sys.executable)


def why_missing(package: str) -> str:
    """Why a command that needs the package cannot be run here; empty if it can."""
    return f"{NAMES[package]} is not installed" if package and not _has(PYTHONS[package], package) else ""


@cache
def _has(python: str, package: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0
