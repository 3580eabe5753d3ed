"""Seconds of `ablate` beside those of the same runs one by one: of the model, and of variants that show its images.

Two ratios: of whole commands, the interpreter's start included, and of what their processes do after the imports
(reading the tasks and the model, answering, scoring). Every run one by one is a fresh process that shares nothing with
others, and so is `ablate`; the two take turns, and which comes first alternates. The answers must be the same.

    python benchmarks/ablation.py [--model M] [--tasks T,...] [--limit N] [--repeats N] [--add] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, print_table, write

BAR = 0.6  # of the time of separate runs, whole commands
REPEATS = 3
OWN_IMAGES = (None, "other")  # what `image` of a variant says where features of the task's own images are read
ROOT = Path(__file__).parents[1]


def run(name: str, args: argparse.Namespace, folder: Path) -> float:
    """In a process of its own: one run, or all of them as `ablate` runs them. Seconds after the imports."""
    from emma_eval.interpretability.ablation import plan_ablation, run_ablation, settings_of
    from emma_eval.interpretability.variants import FULL, SHIPPED, read_variants
    from emma_eval.models.base import ModelSpec
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.runs.runner import run_evaluation
    from emma_eval.runs.settings import RunSettings
    from emma_eval.tasks.index import expand_tasks

    start = time.perf_counter()
    tasks = tuple(expand_tasks(args.tasks.split(",")))
    spec = ModelSpec(args.model, "cpu", "float32")
    settings = RunSettings(model=spec, tasks=tasks, suite=args.tasks, limit=args.limit)
    shipped = read_variants(SHIPPED)
    chosen = {one: variant for one, variant in shipped.items() if variant.image in OWN_IMAGES}
    plan = plan_ablation(spec, chosen, chosen=False)
    if name == "names":
        print(json.dumps([FULL, *plan.variants]))
    elif name == "all":
        run_ablation(plan, settings, folder, progress_for_terminal)
    else:
        own_settings, handle = settings_of(name, plan, settings)
        run_evaluation(own_settings, folder, progress_for_terminal(), handle)
    return time.perf_counter() - start


def process(name: str, args: argparse.Namespace, folder: Path) -> tuple[float, float, str]:
    """Seconds of a fresh process for one run or for all, those after its imports, and what else it printed."""
    command = [sys.executable, __file__, "--one", name, "--folder", str(folder)]
    command += ["--model", args.model, "--tasks", args.tasks]
    command += [] if args.limit is None else ["--limit", str(args.limit)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    *printed, inside = done.stdout.splitlines()
    return seconds, float(inside), "\n".join(printed)


def measure(args: argparse.Namespace, names: Sequence[str], *, together_first: bool) -> dict[str, Any]:
    """Both ways once: seconds of the commands and inside their processes, and how many answers differ."""
    with tempfile.TemporaryDirectory() as place:
        together, separate = Path(place, "together"), Path(place, "separate")
        ways = {"together": [("all", together)], "separate": [(name, separate / name) for name in names]}
        taken: dict[str, Any] = {}
        for way in ("together", "separate") if together_first else ("separate", "together"):
            runs = [process(name, args, folder) for name, folder in ways[way]]
            taken[way] = {"seconds": sum(one[0] for one in runs), "inside": sum(one[1] for one in runs)}
        return taken | {"requests": len(answers(together)), "different": differing(together, separate)}


def differing(together: Path, separate: Path) -> int:
    """Requests whose lines in the responses files differ in anything but the seconds."""
    first, second = answers(together), answers(separate)
    return sum(first.get(key) != second.get(key) for key in first.keys() | second.keys())


def answers(folder: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """(responses file, sample, pass) -> the line, without its seconds."""
    found = {}
    for path in folder.glob("*/responses/*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            del entry["seconds"]
            found[str(path.relative_to(folder)), entry["id"], entry["pass_index"]] = entry
    return found


def ratio(passes: Sequence[dict[str, Any]], key: str) -> tuple[float, tuple[float, float] | None]:
    """The geometric mean over passes of together / separate, with Student's 95% interval; None for a single pass."""
    from scipy.stats import t

    logs = [math.log(one["together"][key] / one["separate"][key]) for one in passes]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), None
    half = float(t.ppf(0.975, len(logs) - 1)) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), (math.exp(mean - half), math.exp(mean + half))


def report(passes: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """Print the table; the record's figures, and whether the bar is met."""
    rows, figures = [], {}
    for key, words in (("seconds", "whole commands"), ("inside", "after the imports")):
        value, interval = ratio(passes, key)
        figures[key] = {"ratio": value, "interval": interval}
        medians = [f"{statistics.median(one[way][key] for one in passes):.1f}" for way in ("together", "separate")]
        shown = None if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"
        rows.append([words, *medians, f"{value:.2f}", shown, f"{BAR:g}" if key == "seconds" else None])
    print_table("ablate beside separate runs", ["", "together s", "separate s", "ratio", "95%", "bar"], rows)
    different = sum(one["different"] for one in passes)
    print(f"{passes[0]['requests']:,} requests a pass, {different} of them answered otherwise")
    return {"bar": BAR} | figures, figures["seconds"]["ratio"] <= BAR and not different


def main() -> int:
    """Measure, print and write; 1 if the bar is missed or an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="emma-mini", help="(%(default)s)")
    parser.add_argument("--tasks", default="mini", metavar="T,...", help="tasks and groups (%(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N samples of each task alone")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help="passes of both ways (%(default)s)")
    parser.add_argument("--add", action="store_true", help="add the passes to those that the file has")
    parser.add_argument("--output", type=Path, default=RESULTS / "ablation.json", help="JSON (%(default)s)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(run(args.one, args, args.folder))
        return 0
    passes: list[dict[str, Any]] = []
    if args.add and args.output.exists():
        passes = json.loads(args.output.read_text(encoding="utf-8"))["passes"]
    names = json.loads(process("names", args, Path("unused"))[2])  # which also warms the disk's cache
    for _ in range(args.repeats):
        passes.append(measure(args, names, together_first=len(passes) % 2 == 0))
    figures, met = report(passes)
    what = {"benchmark": "ablation", "model": args.model, "tasks": args.tasks, "limit": args.limit, "runs": names}
    write(what | facts() | figures | {"passes": passes}, args.output)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
