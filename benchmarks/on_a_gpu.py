"""All checks that need a GPU, in one command of at most eight minutes, without network.

Each step runs in its own process with a time limit and writes its result when it ends, so results survive if the
machine goes away. Exit code 1 if a step failed, ran out of time or missed a bar.

    python benchmarks/on_a_gpu.py --output DIR [--steps environment,parity,...] [--small]

Needs torch, transformers and an unpacked tree; parity sets are read from EMMA_PARITY_DIR where there are any.
`--small` makes every step tiny, to test the script itself; it runs on a CPU too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

MINUTES = 8.0
PARITY = Path(os.environ.get("EMMA_PARITY_DIR", ROOT.parent / "shared" / "parity"))
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement and its time limit."""

    seconds: float
    run: Callable[[Path, bool], Result]  # (output folder, small) -> facts, with `passes`


def environment(output: Path, small: bool) -> Result:
    """The machine: GPU, versions, speed of matrix products and of copies."""
    import torch

    from benchmarks.recording import facts
    from benchmarks.work import copy_rate, matrix_rate

    device = torch.device("cpu" if small or not torch.cuda.is_available() else "cuda")
    rates = {
        dtype: matrix_rate(device, getattr(torch, dtype), 256 if small else 8192 if dtype != "float32" else 4096)
        for dtype in ("bfloat16", "float16", "float32")
    }
    result = facts(str(device)) | {"matrix_rate": rates, "copy_rate": copy_rate(device, 2**20 if small else 2**32)}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info()
        result |= {"capability": torch.cuda.get_device_capability(), "free_memory": free, "total_memory": total}
        result |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return result | {"passes": small or device.type == "cuda"}


def parity(output: Path, small: bool) -> Result:
    """The parity tests in float32 on this device: every array, id and answer against the reference's."""
    if not PARITY.is_dir():
        return {"passes": True, "skipped": f"no parity sets in {PARITY}"}
    result = _pytest(["tests/parity"], output / "parity.log", {"EMMA_PARITY_DEVICE": "cpu" if small else "cuda"})
    return result | {"passes": result["exit_code"] == 0}


def tests(output: Path, small: bool) -> Result:
    """The tests of models and engine on a machine where device `auto` is the GPU."""
    result = _pytest(["tests/inference"] if small else ["tests/models", "tests/inference"], output / "tests.log", {})
    return result | {"passes": result["exit_code"] == 0}


def cuda_graphs(output: Path, small: bool) -> Result:
    """Decoding with CUDA graphs gives the same answers as without."""
    import torch

    if small or not torch.cuda.is_available():
        return {"passes": True, "skipped": "CUDA graphs need a GPU"}
    from benchmarks.cuda_graphs import compare_graphs_with_eager

    result = {dtype: compare_graphs_with_eager(dtype) for dtype in ("float32", "bfloat16", "float16")}
    return result | {"passes": all(one["passes"] for one in result.values())}


def throughput(output: Path, small: bool) -> Result:
    """A full-size EMMA against its bars: share of the matrix rate, batch size 1, transformers loop."""
    from benchmarks.throughput import main

    small_form = ["--small", "--device=cpu", "--requests=12", "--one-by-one=4"]
    arguments = small_form if small else ["--device=cuda", "--one-by-one=64"]
    record = output / "throughput-cuda.json"
    code = main([*arguments, f"--output={record}"])
    return json.loads(record.read_text()) | {"passes": code == 0}


def answers(output: Path, small: bool) -> Result:
    """emma-mini on its suite in each floating-point type: batched answers against answers one by one."""
    from benchmarks.batch_invariance import main

    arguments = ["--device=cpu", "--limit=4", "--tasks=pope_mini", "--dtypes=float32"] if small else ["--device=cuda"]
    record = output / "batch-invariance-cuda.json"
    code = main([*arguments, f"--output={record}"])
    return json.loads(record.read_text()) | {"passes": code == 0}


def out_of_memory(output: Path, small: bool) -> Result:
    """Out of memory in the middle of a run: batches are halved, the answers stay the same."""
    from benchmarks.out_of_memory import answers_when_out_of_memory

    return answers_when_out_of_memory(small)


STEPS: Mapping[str, Step] = {
    "environment": Step(60, environment),
    "parity": Step(90, parity),
    "cuda_graphs": Step(90, cuda_graphs),
    "throughput": Step(240, throughput),
    "out_of_memory": Step(60, out_of_memory),
    "answers": Step(150, answers),
    "tests": Step(150, tests),
}


def _pytest(folders: Sequence[str], log: Path, variables: Mapping[str, str]) -> Result:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *folders]
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | variables, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    lines = log.read_text(encoding="utf-8").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {"exit_code": done.returncode, "summary": lines[-1] if lines else "", "failed": failed[:50]}


def run_step(name: str, output: Path, small: bool) -> int:
    """Run one step in this process and write its result."""
    import benchmarks  # noqa: F401 - sets OpenMP's wait policy, which torch reads when it is imported

    result = STEPS[name].run(output, small)
    (output / f"{name}.json").write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf-8")
    return int(not result["passes"])


def run_bounded(name: str, output: Path, small: bool, seconds: float) -> Result:
    """Run one step in a process of at most `seconds`; its output goes to NAME.out."""
    command = [sys.executable, str(Path(__file__).resolve()), f"--output={output}", f"--one={name}"]
    start = time.perf_counter()
    with (output / f"{name}.out").open("w", encoding="utf-8") as log:
        try:
            code = subprocess.run(
                [*command, *(["--small"] if small else [])],
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                check=False,
            ).returncode
            state = "passed" if code == 0 else "failed"
        except subprocess.TimeoutExpired:
            state = "out of time"
    outcome: Result = {"state": state, "seconds": round(time.perf_counter() - start, 1)}
    record = output / f"{name}.json"
    return outcome | {"result": json.loads(record.read_text())} if record.is_file() else outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps one after another; write on-a-gpu.json after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="DIR", help="where results and logs go")
    add("--steps", default=",".join(STEPS), metavar="S,...", help="%(default)s")
    add("--small", action="store_true", help="every step tiny, on a CPU too")
    add("--minutes", type=float, default=MINUTES, help="for the whole (%(default)g)")
    add("--one", choices=STEPS, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    names = args.steps.split(",")
    if unknown := [name for name in names if name not in STEPS]:
        parser.error(f"unknown step {unknown[0]!r}; known: {', '.join(STEPS)}")
    args.output.mkdir(parents=True, exist_ok=True)
    if args.one:
        return run_step(args.one, args.output, args.small)
    end, done = time.perf_counter() + 60 * args.minutes, {}
    for name in names:
        left = end - time.perf_counter()
        if left < 5:
            done[name] = {"state": "no time left", "seconds": 0.0}
        else:
            done[name] = run_bounded(name, args.output, args.small, min(left, STEPS[name].seconds))
        print(f"{name}: {done[name]['state']} in {done[name]['seconds']:.0f} s", flush=True)
        (args.output / "on-a-gpu.json").write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    return int(any(one["state"] != "passed" for one in done.values()))


if __name__ == "__main__":
    sys.exit(main())
