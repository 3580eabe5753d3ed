"""Seconds of `score` on a full VQAv2 val: 214,354 questions x 10 answers, generated, in the official formats.

Prints the seconds of the whole process, and of reading and scoring within it. The bars are 4 s of scoring and 10 s
for the process on 2 cores; the official Python tool takes 39 s of CPU there.

    python benchmarks/score_vqav2.py [--questions N]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEED = 20260101
QUESTIONS = 214_354
SCORING_BAR, PROCESS_BAR = 4.0, 10.0
COLORS = ("red", "green", "blue", "yellow", "white", "black", "brown", "gray", "orange", "pink")
OBJECTS = ("cat", "dog", "bus", "train", "kite", "table", "t-shirt", "man's bag")
THINGS = [f"{color} {thing}" for color in COLORS for thing in OBJECTS]
RARE = 150_000  # the annotations of VQAv2 val hold about this many different answers
KINDS = {
    "yes/no": ("is the", ["yes", "no"]),
    "number": ("how many", [str(n) for n in range(20)] + ["1,000", "2.5", "none", "two"]),
    "other": ("what is the", THINGS),
}


def generate(folder: Path, questions: int) -> None:
    """Write questions.json, annotations.json and predictions.json, the same at every call."""
    rng = random.Random(SEED)
    question_rows, annotations, predictions = [], [], []
    for number in range(questions):
        kind = rng.choices(list(KINDS), (38, 13, 49))[0]
        question_type, vocabulary = KINDS[kind]
        truths = rng.sample(vocabulary, 2)
        answers = [_as_people_write(rng, rng.choice(truths), kind) for _ in range(10)]
        ids = {"image_id": number // 5, "question_id": number}
        question_rows.append(ids | {"question": f"{question_type} thing number {number}?"})
        annotations.append(
            ids
            | {"question_type": question_type, "answer_type": kind, "multiple_choice_answer": truths[0]}
            | {"answers": [{"answer": a, "answer_confidence": "yes", "answer_id": i} for i, a in enumerate(answers, 1)]}
        )
        predictions.append({"question_id": number, "answer": _as_people_write(rng, truths[0], kind)})
    subtype = {"data_subtype": "val2014"}
    (folder / "questions.json").write_text(json.dumps(subtype | {"questions": question_rows}))
    (folder / "annotations.json").write_text(json.dumps(subtype | {"annotations": annotations}))
    (folder / "predictions.json").write_text(json.dumps(predictions))


def _as_people_write(rng: random.Random, answer: str, kind: str) -> str:
    """The answer with variations: a rare suffix, a capital, an article or a full stop."""
    if kind == "other" and rng.random() < 0.2:
        return f"{answer} {rng.randrange(RARE)}"
    return rng.choices([answer, answer.capitalize(), f"the {answer}", f"{answer}."], (85, 5, 5, 5))[0]


def command(folder: Path) -> list[str]:
    """The arguments of `score` for the generated files."""
    files = [f"--file={key}={folder / f'{key}.json'}" for key in ("questions", "annotations")]
    return ["score", "--task=vqav2", *files, f"--predictions={folder / 'predictions.json'}", "--allow-partial"]


def whole_process(folder: Path) -> float:
    """Wall seconds of the command in a process of its own."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "run_eval.py", *command(folder)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def stages(folder: Path) -> dict[str, float]:
    """Wall seconds of each stage, in this process."""
    sys.path.insert(0, str(ROOT))
    from emma_eval.data.loading import load_samples
    from emma_eval.predictions import read_predictions
    from emma_eval.scorers import get_scorer
    from emma_eval.tasks.loading import load_task

    times = [time.perf_counter()]
    files = {key: folder / f"{key}.json" for key in ("questions", "annotations")}
    samples = load_samples(load_task("vqav2"), files=files, allow_partial=True)
    times.append(time.perf_counter())
    predictions = read_predictions(folder / "predictions.json", samples)
    times.append(time.perf_counter())
    get_scorer("vqa")(samples, predictions.answers)
    times.append(time.perf_counter())
    names = ("reading questions", "reading predictions", "scoring")
    return {name: end - start for name, (start, end) in zip(names, pairwise(times), strict=True)}


def main() -> int:
    """Generate, measure, print; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    questions = parser.parse_args().questions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, questions)
        process = whole_process(folder)
        seconds = stages(folder)
    print(f"{questions:,} questions x 10 answers")
    for stage, taken in seconds.items():
        print(f"  {stage:<20} {taken:6.2f} s")
    print(
        f"  {'whole process':<20} {process:6.2f} s   (bars: scoring {SCORING_BAR:.0f} s, process {PROCESS_BAR:.0f} s)"
    )
    return int(seconds["scoring"] > SCORING_BAR or process > PROCESS_BAR)


if __name__ == "__main__":
    sys.exit(main())
