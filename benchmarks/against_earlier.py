"""How much faster the engine is than its first version, which answered one request at a time and shared nothing.

Both ask emma-mini, with the weights of this checkout, the mini suite in float32 on the CPU, in processes of their own.
The earlier version comes out of git's history, so a shallow clone does not do.

    python benchmarks/against_earlier.py [--commit COMMIT] [--repeats N] [--output FILE]
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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, percent, print_table, write
from emma_eval.errors import UserError
from emma_eval.utils.cpu import OPENMP_WAIT_POLICY

FIRST_ENGINE = "8a85444"
BAR = 6.0  # times the first engine at batch size 1, as it was
REPEATS = 3
HERE = Path(__file__).parents[1]
WEIGHTS = HERE / "emma_eval" / "mini" / "weights" / "emma-mini"

Texts = list[list[str]]  # sample, round, prompt, answer

# Runs in either version.
ASK = """
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
    given = list(answer(model, requests, size))
    best = min(best, time.perf_counter() - start)
responses = [one[1] if isinstance(one, tuple) else one for one in given]
def pass_of(one):
    return one.pass_index if hasattr(one, "pass_index") else one.round_id
texts = sorted([one.sample_id, pass_of(one), one.prompt, one.text] for one in responses)
print(json.dumps({"seconds": best, "texts": texts}))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to answer the suite."""

    way: str
    requests: int
    seconds: float  # of the fastest pass
    samples_per_second: float
    same_answers: float  # share of the requests that the first way answers alike
    first_is_faster: float  # how many times


def check_out(commit: str, folder: Path) -> None:
    """Put a commit's package and tasks into a folder. Raises UserError if this clone does not have it."""
    command = ["git", "-C", str(HERE), "archive", commit, "emma_eval", "tasks"]
    ended = subprocess.run(command, capture_output=True, check=False)
    if ended.returncode:
        raise UserError(f"git has no {commit} ({ended.stderr.decode().strip()}); fetch the whole history")
    with tarfile.open(fileobj=io.BytesIO(ended.stdout)) as archive:
        archive.extractall(folder, filter="data")


def ask(tree: Path, size: str, repeats: int, limit: int, environment: Mapping[str, str]) -> tuple[float, Texts]:
    """The fastest pass of a version in its tree, and what it answered. Raises RuntimeError if it breaks off."""
    command = [sys.executable, "-c", ASK, str(WEIGHTS), size, str(repeats), str(limit)]
    calm = {name: value for name, value in os.environ.items() if name not in OPENMP_WAIT_POLICY}
    environment = calm | dict(environment) | {"PYTHONPATH": str(tree)}
    ended = subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode())
    found = json.loads(ended.stdout.splitlines()[-1])
    return found["seconds"], found["texts"]


def measure(earlier: Path, commit: str, repeats: int, limit: int) -> list[Measured]:
    """Every way, this version's own first."""
    ways: tuple[tuple[str, Path, str, Mapping[str, str]], ...] = (
        ("this version", HERE, "auto", {}),
        ("this version, batch size 1", HERE, "1", {}),
        (f"{commit}, batch size 1", earlier, "1", {}),
        (f"{commit}, batch size 1, threads waiting as now", earlier, "1", OPENMP_WAIT_POLICY),
    )
    measured: list[Measured] = []
    expected: Texts = []
    for way, tree, size, environment in ways:
        seconds, texts = ask(tree, size, repeats, limit, environment)
        expected = expected or texts
        speed = len(texts) / seconds
        same = sum(one == other for one, other in zip(texts, expected, strict=True)) / len(texts)
        faster = measured[0].samples_per_second / speed if measured else 1.0
        measured.append(Measured(way, len(texts), seconds, speed, same, faster))
    return measured


def main() -> int:
    """Measure, print and write; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--commit", default=FIRST_ENGINE, help="the earlier version (%(default)s)")
    add("--repeats", type=int, default=REPEATS, metavar="N", help="passes, of which the fastest counts (%(default)s)")
    add("--limit", type=int, default=0, metavar="N", help="only the first N samples of each task")
    add("--output", type=Path, help="JSON (default results/benchmarks/against-earlier.json)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            check_out(args.commit, Path(folder))
        except UserError as error:
            parser.error(str(error))
        measured = measure(Path(folder), args.commit, args.repeats, args.limit)
    rows = [
        [
            one.way,
            one.requests,
            f"{one.seconds:.1f}",
            f"{one.samples_per_second:.1f}",
            f"{one.first_is_faster:.1f}x",
            percent(one.same_answers),
        ]
        for one in measured
    ]
    header = ["", "requests", "s", "samples/s", "this version is faster", "same answers"]
    print_table(f"emma-mini on the mini suite, float32 (bar: {BAR:g}x {args.commit} as it was)", header, rows)
    record = {"benchmark": "against_earlier"} | facts() | {"measured": [asdict(one) for one in measured]}
    write(record, args.output or RESULTS / "against-earlier.json")
    as_it_was = measured[2]
    return int(as_it_was.first_is_faster < BAR)


if __name__ == "__main__":
    sys.exit(main())
