"""Processor seconds and exit codes of small commands, here and in lmms-eval: help, list of tasks, a misspelt task.

Processor seconds, of all threads and child processes, because a machine's other work changes them little; of several
tries the fewest count. Nothing is downloaded: the network is off.

    python benchmarks/start_peers.py --lmms-python ENVIRONMENT/bin/python [--repeats N] [--output FILE]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, print_table, write

ROOT = Path(__file__).parents[1]
HERE = [sys.executable, str(ROOT / "run_eval.py")]
COMMANDS = {  # what it is for -> the command here, and there
    "help": (["run", "--help"], ["eval", "--help"]),
    "list of tasks": (["list", "tasks"], ["tasks", "list"]),
    "misspelt task": (
        ["run", "--tasks", "pop", "--limit", "1"],
        ["eval", "--model", "llava_hf", "--tasks", "pop", "--limit", "1"],
    ),
}


def measure(command: list[str], folder: str) -> dict[str, Any]:
    """Its processor seconds and exit code, and the last line that it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return {"seconds": seconds, "exit_code": done.returncode, "last_line": lines[-1][:300] if lines else ""}


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--lmms-python", type=Path, required=True, metavar="PYTHON", help="where lmms-eval is installed"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="%(default)s; the fewest seconds count")
    parser.add_argument("--output", type=Path, help="JSON (default results/benchmarks/start-peers.json)")
    args = parser.parse_args()
    there = [str(args.lmms_python.absolute()), "-m", "lmms_eval"]
    version = subprocess.run(
        [there[0], "-c", "from importlib.metadata import version; print(version('lmms_eval'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (ours, theirs) in COMMANDS.items():
            for program, command in (("emma-eval", HERE + ours), (f"lmms-eval {version}", there + theirs)):
                tries = [measure(command, folder) for _ in range(args.repeats)]
                best = min(tries, key=lambda one: one["seconds"])
                best["last_line"] = best["last_line"].replace(
                    str(args.lmms_python.absolute().parents[1]), "ENVIRONMENT"
                )
                measured.append({"command": name, "program": program, **best})
    rows = [[one["command"], one["program"], f"{one['seconds']:.2f}", one["exit_code"]] for one in measured]
    print_table("processor seconds", ["command", "program", "seconds", "exit code"], rows)
    record = {
        "benchmark": "start_peers",
        **facts(),
        "command": f"python benchmarks/start_peers.py --lmms-python ENVIRONMENT/bin/python --repeats {args.repeats}",
        "measured": measured,
    }
    write(record, args.output or RESULTS / "start-peers.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
