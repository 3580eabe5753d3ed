"""Seconds from the command `run` to emma-mini's first batch, and how much of that is the import of torch.

Both in fresh processes, the interpreter's start included. A warm-up pass, which is not counted, fills the disk cache
and writes the mini suite if it is missing.

    python benchmarks/start_run.py [--repeats N] [--output FILE]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, print_table, write

BAR, OURS_BAR = 8.0, 2.0  # seconds
REPEATS = 3
PYTHON = "import os; os._exit(0)"  # without tear-down, as below
TORCH = "from emma_eval.utils import cpu; cpu.set_openmp_wait_policy(); import os, torch; os._exit(0)"
# The real command; the process exits where the first batch would begin.
RUN = """
import os, sys
from emma_eval.cli.main import main
from emma_eval.inference.batched import BatchedEngine
BatchedEngine._generate_batch = lambda *arguments: os._exit(86)
main(["run", "--tasks", "mini", "--output", sys.argv[1]])
"""
FIRST_BATCH_EXIT_CODE = 86
ROOT = Path(__file__).parents[1]


def seconds(code: str, argument: str = "", expected: int = 0) -> float:
    """Wall seconds of the code in a fresh interpreter. Raises RuntimeError if its exit code is not `expected`."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code, argument]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    taken = time.perf_counter() - start
    if ended.returncode != expected:
        raise RuntimeError(ended.stderr.decode())
    return taken


def first_batch() -> float:
    """Seconds from the command to its first batch."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds(RUN, folder, FIRST_BATCH_EXIT_CODE)


def main() -> int:
    """Measure, print and write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help="%(default)s; medians count")
    parser.add_argument("--output", type=Path, help="JSON (default results/benchmarks/start-run.json)")
    args = parser.parse_args()
    first_batch()
    taken = {
        "first batch": statistics.median(first_batch() for _ in range(args.repeats)),
        "python": statistics.median(seconds(PYTHON) for _ in range(args.repeats)),
        "python and torch": statistics.median(seconds(TORCH) for _ in range(args.repeats)),
    }
    torch = taken["python and torch"] - taken["python"]
    ours = taken["first batch"] - torch
    rows = [
        ["until the first batch", f"{taken['first batch']:.2f}", f"{BAR:g}"],
        ["import of torch", f"{torch:.2f}", None],
        ["all else", f"{ours:.2f}", f"{OURS_BAR:g}"],
    ]
    print_table("emma-mini on the mini suite", ["", "s", "bar"], rows)
    record = {"benchmark": "start_run"} | facts() | {"first_batch": taken["first batch"], "torch": torch, "ours": ours}
    write(record, args.output or RESULTS / "start-run.json")
    return int(taken["first batch"] > BAR or ours > OURS_BAR)


if __name__ == "__main__":
    sys.exit(main())
