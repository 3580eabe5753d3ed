"""How fast intervals and a paired comparison are at the size of VQAv2 val: 214,354 questions on 40,504 images.

Every metric is resampled 2,000 times: the accuracy, 3 answer types and 65 question types. The bar is 5 s for the
intervals of one run on 2 cores.

    python benchmarks/bootstrap_vqav2.py [--questions N]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from emma_eval.scorers.arithmetic import percent_mean
from emma_eval.scorers.common import accuracy_by, mean_metric
from emma_eval.stats.bootstrap import RESAMPLES, intervals
from emma_eval.stats.paired import compare_metrics
from emma_eval.types import SampleScore, Scores

QUESTIONS, IMAGES = 214_354, 40_504
BAR = 5.0


def random_scores(questions: int, seed: int) -> Scores:
    """Random scores in the form of VQAv2's scorer; questions, images and types are the same for every seed."""
    design, luck = random.Random(0), random.Random(seed)
    images = [design.randrange(max(1, questions * IMAGES // QUESTIONS)) for _ in range(questions)]
    answer_types = design.choices(["yes/no", "number", "other"], (38, 13, 49), k=questions)
    question_types = [f"type {design.randrange(65)}" for _ in range(questions)]
    values = luck.choices([0.0, 0.3, 0.6, 0.9, 1.0], (20, 3, 3, 4, 70), k=questions)
    samples = tuple(
        SampleScore(str(number), value, "", cluster=str(image))
        for number, (value, image) in enumerate(zip(values, images, strict=True))
    )
    metrics = [mean_metric("accuracy", values, percent_mean)]
    metrics += accuracy_by("answer_type", answer_types, values, percent_mean)
    metrics += accuracy_by("question_type", question_types, values, percent_mean)
    return Scores(tuple(metrics), samples, cluster_unit="image")


def seconds(work: Callable[[], Any]) -> float:
    """How long the call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Measure and print; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    questions = parser.parse_args().questions
    first, second = random_scores(questions, 1), random_scores(questions, 2)
    alone = seconds(lambda: intervals(first))
    paired = seconds(lambda: compare_metrics(first, second))
    print(f"{questions:,} questions, {len(first.metrics)} metrics, {RESAMPLES:,} resamples")
    print(f"  intervals of one run   {alone:5.2f} s   (bar: {BAR:.0f} s)")
    print(f"  comparison of two      {paired:5.2f} s")
    return int(alone > BAR)


if __name__ == "__main__":
    sys.exit(main())
