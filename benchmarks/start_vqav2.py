"""How long a run takes to get ready to ask VQAv2 val's 214,354 questions: read, count, hash, make the prompts.

On generated files of the official layout, in a process of its own, without model or pictures.

    python benchmarks/start_vqav2.py [--questions N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import score_vqav2

BAR = 3.0  # seconds


def get_ready(folder: Path) -> tuple[int, float, float]:
    """(requests, seconds of the wall clock, seconds of the processor) from the files to the last prompt."""
    wall, processor = time.perf_counter(), time.process_time()
    from emma_eval.runs.plan import plan_task, with_requests
    from emma_eval.runs.settings import RunSettings

    files = {"questions": folder / "questions.json", "annotations": folder / "annotations.json", "images": folder}
    settings = RunSettings("emma-mini", ("vqav2",), "vqav2", files={"vqav2": files}, allow_partial=True)
    plan = with_requests(plan_task("vqav2", settings), "vicuna_v1")
    return len(plan.requests), time.perf_counter() - wall, time.process_time() - processor


def main() -> int:
    """Generate, measure, print; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=score_vqav2.QUESTIONS)
    questions = parser.parse_args().questions
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        score_vqav2.generate(Path(name), questions)
        requests, wall, processor = pool.submit(get_ready, Path(name)).result()
    print(f"{requests:,} requests ready in {wall:.2f} s, {processor:.2f} s of one core (bar: {BAR:.0f} s)")
    return int(wall > BAR)


if __name__ == "__main__":
    sys.exit(main())
