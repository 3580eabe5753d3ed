"""What every measurement ends with: a table on the screen, and a JSON file with the hardware and the command."""

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
    """When, where and with what a measurement was taken; call it at the end, for the peaks of memory."""
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
    """Write a measurement as JSON, folders included."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written: {output}")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows of text, "-" where there is nothing to say."""
    cells = [["-" if cell is None else cell for cell in row] for row in rows]
    align = ("left", *["right"] * (len(header) - 1))
    print(f"\n{title}\n{tabulate(cells, header, tablefmt='simple', colalign=align, disable_numparse=True)}")


def percent(share: float | None) -> str | None:
    """0.123 as "12.3%"."""
    return None if share is None else f"{share:.1%}"
