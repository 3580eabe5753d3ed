"""What the program itself takes on a whole VQAv2 val: 214,354 generated questions, a model that answers at once.

Each step is a command in a process of its own: `run` from the beginning (in one process, and with --replicas), the same
command on a finished run and on one with 1% of the answers left, `report` with its usual thousand samples and with all
of them. Images are 640 x 480 JPEGs, which the page alone opens. Memory is shown at the first answer and at the last:
what the loop adds, with `--questions 1000000`, too.

    python benchmarks/full_size.py [--questions N] [--replicas N] [--folder DIR] [--output FILE]

On a machine with fewer processors than replicas, which the program refuses, the check is told that there are enough.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import score_vqav2
from benchmarks.recording import RESULTS, facts, print_table, write
from benchmarks.start_vqav2 import in_new_process

ROOT = Path(__file__).parents[1]
LEFT = 0.01  # the share of answers that the nearly finished run lacks
AGAIN, NEARLY = "finished run again", "run with 1% left"
BARS = {  # seconds
    "run": 0.3e-3,  # a question, whole process
    "loop": 0.1e-3,  # a question
    "first question": 6.0,  # with 1% left
    NEARLY: 12.0,
    "page": 8.0,
    "page of all samples": 45.0,
}
ENOUGH_CPUS = """
import os

if replicas := int(os.environ.get("FULL_SIZE_REPLICAS", "0")):
    usable = os.sched_getaffinity(0)
    os.sched_getaffinity = lambda process: usable | set(range(replicas))
"""


@dataclass
class Step:
    """One command: how long it took, and its memory."""

    name: str
    seconds: float
    memory: int  # peak resident bytes of the largest of its processes
    first_question: float | None = None  # seconds from the command's start
    loop: float | None = None  # seconds a question, from the first to the last; None with replicas
    resident: tuple[int, int] | None = None  # bytes at the first and the last of them; likewise
    output_bytes: int = 0  # of a page and the files beside it


def install(site: Path) -> None:
    """Write the model as an installed package."""
    info = site / "at_once-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "sitecustomize.py").write_text(ENOUGH_CPUS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: at-once\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[emma_eval.models]\nat-once = benchmarks.at_once:AtOnce\n")


def command(name: str, folder: Path, arguments: Sequence[str]) -> Step:
    """Run the command in a new process. Raises SystemExit with its last output if it fails."""
    notes = folder / "notes" / re.sub(r"\W+", "-", name)
    notes.parent.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(folder / "site"), str(ROOT)))}
    environment |= {"AT_ONCE_NOTES": str(notes), "FULL_SIZE_REPLICAS": replicas_of(arguments)}
    start = time.time()
    with (folder / "log.txt").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "run_eval.py", *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)  # its own peak and those of its children that ended
    seconds = time.time() - start
    if status:
        raise SystemExit(f"{name} failed: see {folder / 'log.txt'}\n{(folder / 'log.txt').read_text()[-2000:]}")
    return noted(Step(name, seconds, usage.ru_maxrss * 1024), start, notes)


def noted(step: Step, start: float, notes: Path) -> Step:
    """The step with what the engines noted: one of each replica, or a single one."""
    found = [json.loads(path.read_text()) for path in notes.parent.glob(f"{notes.name}-[0-9]*.json")]
    if found:
        step.first_question = min(own[0]["time"] for own in found) - start
    if len(found) == 1:
        first, last = found[0][0], found[0][-1]
        step.loop = (last["time"] - first["time"]) / last["answered"]
        step.resident = first["resident"], last["resident"]
    return step


def replicas_of(arguments: Sequence[str]) -> str:
    """The number after --replicas=; 0 without it."""
    return next((one.partition("=")[2] for one in arguments if one.startswith("--replicas=")), "0")


def run_steps(folder: Path, prefix: str, extra: Sequence[str]) -> list[Step]:
    """`run` from the beginning, again, and with 1% of the answers left."""
    run = folder / f"run{prefix or '-alone'}".replace(", ", "-").replace(" ", "-")
    arguments = [
        "run",
        "--model=at-once",
        "--tasks=vqav2",
        "--allow-partial",
        f"--data={folder / 'data'}",
        f"--output={run}",
        *extra,
    ]
    steps = [command(f"run{prefix}", folder, arguments), command(f"{AGAIN}{prefix}", folder, arguments)]
    responses = run / "responses" / "vqav2.jsonl"
    lines = responses.read_bytes().splitlines(keepends=True)
    responses.write_bytes(b"".join(lines[: int(len(lines) * (1 - LEFT))]))
    return [*steps, command(f"{NEARLY}{prefix}", folder, arguments)]


def page_steps(folder: Path) -> list[Step]:
    """`report` with a thousand samples, and with all."""
    steps = []
    for name, samples in (("page", "1000"), ("page of all samples", "all")):
        output = folder / "page"
        arguments = ["report", str(folder / "run-alone"), f"--data={folder / 'data'}", f"--samples={samples}"]
        step = command(name, folder, [*arguments, f"--output={output}"])
        step.output_bytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
        shutil.rmtree(output)
        steps.append(step)
    return steps


def prepare(folder: Path, questions: int) -> None:
    """Write the official files with their images below a data root, and the model."""
    from benchmarks import start_vqav2, streaming_memory, vqa_load

    root = folder / "data" / "vqav2"
    root.mkdir(parents=True)
    streaming_memory.prepare(root, questions, vqa_load.SIZE)
    (root / "questions.json").rename(root / start_vqav2.QUESTIONS)
    (root / "annotations.json").rename(root / start_vqav2.ANNOTATIONS)
    install(folder / "site")


def show(steps: Sequence[Step], questions: int) -> None:
    """Print the table."""
    header = ("step", "s", "ms a question", "ms in loop", "first, s", "MB then", "MB last", "MB peak", "page, MB")
    rows = [
        (
            step.name,
            f"{step.seconds:.1f}",
            f"{1e3 * step.seconds / questions:.3f}",
            None if step.loop is None else f"{1e3 * step.loop:.3f}",
            None if step.first_question is None else f"{step.first_question:.1f}",
            *(f"{size / 1e6:,.0f}" if size else None for size in step.resident or (0, 0)),
            f"{step.memory / 1e6:,.0f}",
            f"{step.output_bytes / 1e6:,.0f}" if step.output_bytes else None,
        )
        for step in steps
    ]
    print_table(f"{questions:,} questions", header, rows)


def missed(steps: Sequence[Step], questions: int) -> list[str]:
    """The bars that a step misses, in words; those in seconds are of VQAv2 val's size."""
    found = []
    for step in steps:
        name = step.name.partition(",")[0]
        measured = {name: step.seconds / questions if name == "run" else step.seconds}
        measured |= {"loop": step.loop, "first question": step.first_question if name == NEARLY else None}
        for what, value in measured.items():
            bar = BARS.get(what)
            if bar and value and value > bar and (bar < 1 or questions <= score_vqav2.QUESTIONS):
                found.append(f"{step.name}: {what} {value:.3g} s, the bar is {bar:g} s")
    return found


def main() -> int:
    """Prepare, run, print, write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=score_vqav2.QUESTIONS)
    parser.add_argument("--replicas", type=int, default=4, help="of the second pass; 1 leaves it out")
    parser.add_argument("--folder", type=Path, help="where the generated data stay, for the next time")
    parser.add_argument("--output", type=Path, default=RESULTS / "full-size.json", help="the JSON file")
    args = parser.parse_args()
    with nullcontext(args.folder) if args.folder else tempfile.TemporaryDirectory() as name:
        folder = Path(name).absolute()
        if not (folder / "site").exists():
            in_new_process(prepare, folder, args.questions)  # a child's peak begins with its parent's
        for left in (*folder.glob("run-*"), folder / "notes"):
            shutil.rmtree(left, ignore_errors=True)
        steps = run_steps(folder, "", ())
        if args.questions <= score_vqav2.QUESTIONS:  # a page of a million samples shows nothing else
            steps += page_steps(folder)
        if args.replicas > 1:
            steps += run_steps(folder, f", {args.replicas} replicas", (f"--replicas={args.replicas}",))
    show(steps, args.questions)
    record = {"benchmark": "full_size", "questions": args.questions, **facts(), "bars": BARS}
    write(record | {"steps": [asdict(step) for step in steps]}, args.output)
    print("\n".join(missing := missed(steps, args.questions)))
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
