"""Output of every benchmark: a printed table, and a JSON file with hardware, versions and command."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.environment import (
    cpu_name,
    device_name,
    git_state,
    package_versions,
    peak_device_memory,
    peak_host_memory,
)

RESULTS = Path("results", "benchmarks")  # below the current folder: a checkout's root, for those that are committed


def facts(device: str = "cpu") -> dict[str, Any]:
    """Time, hardware, versions and command of a measurement; call it at the end, when peak memory is known."""
    commit, dirty = git_state()
    return {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": {
            "device": device_name(device),
            "processor": cpu_name(),
            "usable_cpus": usable_cpus(),
            "peak_host_memory": peak_host_memory(),
            "peak_device_memory": peak_device_memory(device),
        },
        "versions": package_versions(),
        "git": {"commit": commit, "dirty": dirty},
    }


def write(record: Mapping[str, Any], output: Path) -> None:
    """Write a measurement as JSON; create its folders."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written: {output}")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; None is printed as "-"."""
    cells = [["-" if cell is None else cell for cell in row] for row in rows]
    align = ("left", *["right"] * (len(header) - 1))
    print(f"\n{title}\n{tabulate(cells, header, tablefmt='simple', colalign=align, disable_numparse=True)}")


def percent(share: float | None) -> str | None:
    """0.123 as "12.3%"."""
    return None if share is None else f"{share:.1%}"
