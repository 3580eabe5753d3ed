"""How fast the engine is beside an earlier version of it, in processes of their own with the same weights and requests.

Without options: this engine against the first one, which answered one request at a time and shared nothing (bar: 6x).
With `--sizes auto,1`: both versions at each of these batch sizes, in alternating processes (bar: 0.97x at each). The
requests are the mini suite's, the model is emma-mini in float32 on the CPU. The earlier version comes from git's
history, so a shallow clone does not do.

    python benchmarks/against_earlier.py [--commit COMMIT] [--sizes SIZE,...] [--repeats N] [--output FILE]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, percent, print_table, write
from emma_eval.errors import UserError
from emma_eval.utils.cpu import OPENMP_WAIT_POLICY

FIRST_ENGINE = "8a85444"
FIRST_ENGINE_BAR = 6.0  # times the first engine at batch size 1, with its own settings of waiting threads
SAME_SIZE_BAR = 0.97  # times an earlier version at the same batch size
REPEATS = 3
ROUNDS = 2  # processes of each version in turn, so that a slow minute of the machine falls on both
HERE = Path(__file__).parents[1]
WEIGHTS = HERE / "emma_eval" / "mini" / "weights" / "emma-mini"

Texts = list[list[str]]  # sample id, pass index, prompt, answer of every request

# Runs in either version: the imports and the response fields differ.
SCRIPT = """
import json, sys, time
from emma_eval.models import load_model
try:
    from emma_eval.data.loading import load_samples
    from emma_eval.inference.batched import BatchedEngine
    from emma_eval.inference.runner import run_requests
    from emma_eval.prompts.building import build_requests
    from emma_eval.tasks.index import expand_tasks
    from emma_eval.tasks.loading import load_task
    def answer(model, requests, size):
        return run_requests(BatchedEngine(model, size), requests)
except ImportError:  # an earlier version
    from emma_eval.inference import answer
    from emma_eval.prompts import build_requests
    from emma_eval.readers import load_samples
    from emma_eval.task import load_task
    from emma_eval.tasks_index import expand_tasks

weights, size, repeats, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) or None
model = load_model(weights, device="cpu", dtype="float32")
tasks = [load_task(name) for name in expand_tasks(["mini"])]
requests = [request for task in tasks for request in build_requests(task, load_samples(task, limit=limit))]
size = size if size == "auto" else int(size)
best = float("inf")
for _ in range(repeats):
    start = time.perf_counter()
    responses = list(answer(model, requests, size))
    best = min(best, time.perf_counter() - start)
responses = [response[1] if isinstance(response, tuple) else response for response in responses]
def pass_index(response):
    return response.pass_index if hasattr(response, "pass_index") else response.round_id
texts = sorted([one.sample_id, pass_index(one), one.prompt, one.text] for one in responses)
print(json.dumps({"seconds": best, "texts": texts}))
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The speed of one version at one batch size."""

    way: str
    requests: int
    seconds: float  # of the fastest pass
    samples_per_second: float
    same_answers: float  # share of the requests with the same answer as in the first measurement
    first_is_faster: float  # how many times the first measurement's speed is this one's


@dataclass(frozen=True, slots=True)
class Setup:
    """A version, its batch size and its environment variables."""

    name: str
    tree: Path
    size: str
    environment: Mapping[str, str] = field(default_factory=dict)


def check_out(commit: str, folder: Path) -> None:
    """Extract a commit's package and tasks into a folder. Raises UserError if this clone does not have it."""
    command = ["git", "-C", str(HERE), "archive", commit, "emma_eval", "tasks"]
    process = subprocess.run(command, capture_output=True, check=False)
    if process.returncode:
        raise UserError(f"git has no {commit} ({process.stderr.decode().strip()}); fetch the whole history")
    with tarfile.open(fileobj=io.BytesIO(process.stdout)) as archive:
        archive.extractall(folder, filter="data")


def answer(setup: Setup, repeats: int, limit: int) -> tuple[float, Texts]:
    """The seconds of the fastest pass, and the answers. Raises RuntimeError if the process fails."""
    command = [sys.executable, "-c", SCRIPT, str(WEIGHTS), setup.size, str(repeats), str(limit)]
    inherited = {name: value for name, value in os.environ.items() if name not in OPENMP_WAIT_POLICY}
    environment = inherited | dict(setup.environment) | {"PYTHONPATH": str(setup.tree)}
    process = subprocess.run(command, cwd=setup.tree, env=environment, capture_output=True, check=False)
    if process.returncode:
        raise RuntimeError(process.stderr.decode())
    result = json.loads(process.stdout.splitlines()[-1])
    return result["seconds"], result["texts"]


def measure(setups: Sequence[Setup], rounds: int, repeats: int, limit: int) -> list[Measurement]:
    """Each setup, by its fastest pass of all rounds."""
    seconds = [float("inf")] * len(setups)
    texts: list[Texts] = [[] for _ in setups]
    for _ in range(rounds):
        for index, setup in enumerate(setups):
            pass_seconds, texts[index] = answer(setup, repeats, limit)
            seconds[index] = min(seconds[index], pass_seconds)
    return [
        Measurement(
            way=setup.name,
            requests=len(own),
            seconds=taken,
            samples_per_second=len(own) / taken,
            same_answers=sum(one == other for one, other in zip(own, texts[0], strict=True)) / len(own),
            first_is_faster=taken / seconds[0],
        )
        for setup, own, taken in zip(setups, texts, seconds, strict=True)
    ]


def against_first_engine(earlier: Path, commit: str, repeats: int, limit: int) -> tuple[list[Measurement], bool]:
    """Measure this version in batches and one by one, the earlier one by one; whether the first meets the bar."""
    setups = (
        Setup("this version", HERE, "auto"),
        Setup("this version, batch size 1", HERE, "1"),
        Setup(f"{commit}, batch size 1", earlier, "1"),
        Setup(f"{commit}, batch size 1, threads waiting as now", earlier, "1", OPENMP_WAIT_POLICY),
    )
    measurements = measure(setups, 1, repeats, limit)
    show(f"emma-mini on the mini suite, float32 (bar: {FIRST_ENGINE_BAR:g}x {commit} as it was)", measurements)
    return measurements, measurements[2].first_is_faster >= FIRST_ENGINE_BAR


def at_same_sizes(
    earlier: Path, commit: str, sizes: Sequence[str], repeats: int, limit: int
) -> tuple[list[Measurement], bool]:
    """Measure both versions at each batch size; whether every ratio meets the bar."""
    measurements, passes = [], True
    for size in sizes:
        trees = {f"this version, {size}": HERE, f"{commit}, {size}": earlier}
        setups = [Setup(name, tree, size, OPENMP_WAIT_POLICY) for name, tree in trees.items()]
        pair = measure(setups, ROUNDS, repeats, limit)
        show(f"emma-mini on the mini suite, float32, batch size {size} (bar: {SAME_SIZE_BAR:g}x)", pair)
        ratio = pair[1].first_is_faster
        print(f"batch size {size}: this version runs at {ratio:.3f} x the speed of {commit}", flush=True)
        measurements += pair
        passes &= ratio >= SAME_SIZE_BAR
    return measurements, passes


def show(title: str, measurements: Sequence[Measurement]) -> None:
    """Print the table."""
    rows = [
        [
            one.way,
            one.requests,
            f"{one.seconds:.1f}",
            f"{one.samples_per_second:.1f}",
            f"{one.first_is_faster:.2f}x",
            percent(one.same_answers),
        ]
        for one in measurements
    ]
    print_table(title, ["", "requests", "s", "samples/s", "this version is faster", "same answers"], rows)


def main() -> int:
    """Measure, print and write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--commit", default=FIRST_ENGINE, help="the earlier version (%(default)s)")
    add("--sizes", metavar="SIZE,...", help="compare both versions at these batch sizes (`auto`, 1, 8, ...)")
    add("--repeats", type=int, default=REPEATS, metavar="N", help="passes, of which the fastest counts (%(default)s)")
    add("--limit", type=int, default=0, metavar="N", help="only the first N samples of each task")
    add("--output", type=Path, help="JSON (default results/benchmarks/against-earlier.json)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        earlier = Path(name)
        try:
            check_out(args.commit, earlier)
        except UserError as error:
            parser.error(str(error))
        if args.sizes:
            sizes = args.sizes.split(",")
            measurements, passes = at_same_sizes(earlier, args.commit, sizes, args.repeats, args.limit)
        else:
            measurements, passes = against_first_engine(earlier, args.commit, args.repeats, args.limit)
    record = {"benchmark": "against_earlier"} | facts() | {"commit": args.commit}
    record |= {"measured": [asdict(one) for one in measurements]}
    write(record, args.output or RESULTS / "against-earlier.json")
    return int(not passes)


if __name__ == "__main__":
    sys.exit(main())
