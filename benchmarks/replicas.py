"""Replicas on a CPU: two of one thread each against one process of one thread, and of two.

emma-mini answers the mini suite in float32; loading and a warm-up on one of its tasks are not counted. Every variant is
a fresh process, the variants take turns, and of each the fastest pass counts. The answers must be the same.

    python benchmarks/replicas.py [--repeats N] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, percent, print_table, write

BAR = 1.7  # times the speed of one process of one thread
REPEATS = 3
WARM_UP = "vizwiz_mini"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Variant:
    """So many copies of the model, of so many threads each."""

    replicas: int
    threads: int

    def __str__(self) -> str:
        return f"{self.replicas} x {self.threads} thread{'s' if self.threads > 1 else ''}"


VARIANTS = (Variant(2, 1), Variant(1, 1), Variant(1, 2))


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a variant, as its process prints it."""

    seconds: float
    requests: int
    answers: dict[str, str]


def answer(variant: Variant, limit: int | None = None) -> Pass:
    """In a process of the variant's own: load, warm up, answer."""
    from emma_eval.data.loading import load_samples
    from emma_eval.inference.replicas.loading import Scale, load_scaled
    from emma_eval.inference.runner import run_requests
    from emma_eval.models import find_model
    from emma_eval.models.base import ModelSpec
    from emma_eval.prompts.building import build_requests
    from emma_eval.tasks.index import expand_tasks
    from emma_eval.tasks.loading import load_task
    from emma_eval.types import Request

    def requests_of(names: Sequence[str]) -> list[tuple[str, Request]]:
        tasks = [load_task(name) for name in names]
        return [(task.name, one) for task in tasks for one in build_requests(task, load_samples(task, limit=limit))]

    counted = requests_of([name for name in expand_tasks(["mini"]) if name != WARM_UP])
    model = find_model(ModelSpec("emma-mini", device="cpu", dtype="float32"))
    engine = load_scaled(model, "auto", Scale(variant.replicas), lambda line: print(line, file=sys.stderr))
    for _ in run_requests(engine, [one for _, one in requests_of([WARM_UP])]):
        pass
    start = time.perf_counter()
    answers = {}
    for index, response in run_requests(engine, [one for _, one in counted]):
        answers[f"{counted[index][0]} {response.key}"] = response.text or ""
    seconds = time.perf_counter() - start
    engine.close()
    return Pass(seconds, len(counted), answers)


def measure(variant: Variant, limit: int | None) -> Pass:
    """One pass in a fresh process. Raises CalledProcessError if it fails."""
    command = [sys.executable, __file__, "--one", f"{variant.replicas},{variant.threads}"]
    command += [] if limit is None else ["--limit", str(limit)]
    environment = os.environ | {"OMP_NUM_THREADS": str(variant.threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    return Pass(**json.loads(done.stdout))


def main() -> int:
    """Measure, print and write; 1 if a bar is missed or an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help="passes (%(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N samples of each task alone")
    parser.add_argument("--output", type=Path, help="JSON (default results/benchmarks/replicas.json)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(asdict(answer(Variant(*map(int, args.one.split(","))), args.limit))))
        return 0
    passes: dict[Variant, list[Pass]] = {variant: [] for variant in VARIANTS}
    for _ in range(args.repeats):
        for variant in VARIANTS:
            passes[variant].append(measure(variant, args.limit))
    best = {variant: min(of_variant, key=lambda one: one.seconds) for variant, of_variant in passes.items()}
    first = best[VARIANTS[0]]
    rows, records = [], []
    for variant, one in best.items():
        faster = one.seconds / first.seconds
        same = sum(one.answers[key] == text for key, text in first.answers.items()) / len(first.answers)
        bar = BAR if variant == Variant(1, 1) else None
        record = {"replicas": variant.replicas, "threads": variant.threads, "requests": one.requests}
        record |= {"seconds": one.seconds, "all_seconds": [each.seconds for each in passes[variant]]}
        records.append(record | {"first_is_faster": faster, "bar": bar, "same_answers": same})
        speed = f"{one.requests / one.seconds:.1f}"
        rows.append([variant, one.requests, f"{one.seconds:.2f}", speed, f"{faster:.2f}x", bar, percent(same)])
    header = ["replicas x threads", "requests", "s", "requests/s", "the first is faster", "bar", "same answers"]
    print_table("emma-mini, float32, the mini suite", header, rows)
    write({"benchmark": "replicas"} | facts() | {"variants": records}, args.output or RESULTS / "replicas.json")
    met = all(one["first_is_faster"] >= (one["bar"] or 0) and one["same_answers"] == 1 for one in records)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
