"""The mini family on the mini suite: three kinds of models, each trained with several seeds at the same budget.

What is reported: each model's mean over the benchmarks, EMMA against the others with intervals over the questions and
over seeds and questions, what EMMA loses when its trained alignment is replaced by the identity, ScienceQA's questions
without an image against guessing, POPE's F1, and the size of what is shipped.

    python -m emma_eval.mini.train                # the weights: about two hours on two CPU cores
    python benchmarks/mini_family.py --weights training/weights
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

import emma_eval
from benchmarks import recording
from emma_eval.stats.paired import bootstrap_p

KINDS = ("emma", "llava", "owl2")
OFF = "emma, alignment off"
RESAMPLES = 10_000
LEVELS = (0.025, 0.975)

Floats = NDArray[np.float64]


def main() -> None:
    """Evaluate every model, compare, print, record."""
    args = _arguments()
    folders = sorted(args.weights.glob("seed-*"))
    frames = {kind: [evaluate(kind, folder, args.runs / folder.name) for folder in folders] for kind in (*KINDS, OFF)}
    questions = Questions(frames[KINDS[0]][0])
    scores = {kind: np.stack([questions.scores(frame) for frame in rows]) for kind, rows in frames.items()}
    record = {
        "models": [row for kind in frames for row in questions.means(kind, scores[kind], frames[kind])],
        "comparisons": [questions.compare(scores, KINDS[0], other) for other in (*KINDS[1:], OFF)],
        "megabytes": {kind: megabytes(folders[0] / f"{kind}-mini") for kind in KINDS},
    }
    _print(record)
    recording.write({**record, **recording.facts()}, args.output)


def evaluate(kind: str, folder: Path, runs: Path) -> pd.DataFrame:
    """A row a question of the suite: task, id, image, score, options, and POPE's F1 in `attrs`."""
    model: Any = str(folder / f"{kind.split(',', maxsplit=1)[0]}-mini")
    if kind == OFF:
        model = emma_eval.load_model(model)
        infusion = model.model.alignment.image_text_infusion
        with torch.no_grad():
            torch.nn.init.eye_(infusion.weight)  # [I | 0]
            torch.nn.init.zeros_(infusion.bias)
    output = runs / kind.replace(", ", "-").replace(" ", "-")
    run = emma_eval.evaluate(model, "mini", output=str(output), name=f"{kind} {folder.name}", progress=False)
    frame = run.samples[["task", "id", "score", "images", "options"]].copy()
    frame["image"] = [images[0] if len(images) else None for images in frame.pop("images")]
    frame.attrs["pope_f1"] = 100 * run.score("pope_mini")
    return frame


class Questions:
    """The suite's questions in a fixed order, with their benchmarks and the images they share."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.keys = list(zip(frame["task"], frame["id"], strict=True))
        self.task = frame["task"].to_numpy()
        self.tasks = list(dict.fromkeys(self.task))
        self.has_image = frame["image"].notna().to_numpy()
        named = zip(frame["image"], self.has_image, self.keys, strict=True)
        units = [image if has_image else f"{task} {name}" for image, has_image, (task, name) in named]
        self.unit = pd.factorize(pd.Series(units))[0]  # questions about one image are drawn together
        self.chance = np.array([1 / max(1, len(options)) for options in frame["options"]])

    def scores(self, frame: pd.DataFrame) -> Floats:
        """(questions,) scores from 0 to 1."""
        assert list(zip(frame["task"], frame["id"], strict=True)) == self.keys
        return frame["score"].to_numpy(float)

    def mean(self, values: Floats, weights: Floats | None = None) -> float:
        """The mean over benchmarks of the mean over questions, in percent; a question counts `weights` times."""
        parts = [
            np.average(values[self.task == t], weights=weights[self.task == t] if weights is not None else None)
            for t in self.tasks
        ]
        return 100 * float(np.mean(parts))

    def means(self, kind: str, scores: Floats, frames: Sequence[pd.DataFrame]) -> Iterator[dict[str, Any]]:
        """A row a seed."""
        text = ~self.has_image
        for seed, (values, frame) in enumerate(zip(scores, frames, strict=True), 1):
            by_task = {task: round(100 * float(values[self.task == task].mean()), 2) for task in self.tasks}
            text_only = {
                "text_only": round(100 * float(values[text].mean()), 2),
                "text_only_chance": round(100 * float(self.chance[text].mean()), 2),
                "text_only_p": at_least(int(values[text].sum()), self.chance[text]),
            }
            mean = round(self.mean(values), 2)
            yield {"kind": kind, "seed": seed, "mean": mean, **by_task, "pope_f1": frame.attrs["pope_f1"], **text_only}

    def compare(self, scores: Mapping[str, Floats], first: str, second: str) -> dict[str, Any]:
        """First minus second, in points of the mean: for each seed, over the questions, over seeds and questions."""
        differences = scores[first] - scores[second]  # (seeds, questions), paired by question
        rng = np.random.default_rng(0)
        seeds, units = len(differences), int(self.unit.max()) + 1
        over_questions, over_both = np.empty((seeds + 1, RESAMPLES)), np.empty(RESAMPLES)
        for k in range(RESAMPLES):
            weights = np.bincount(rng.integers(units, size=units), minlength=units)[self.unit].astype(float)
            per_seed = self._weighted(differences, weights)
            over_questions[:seeds, k], over_questions[seeds, k] = per_seed, per_seed.mean()
            ours, theirs = (
                self._weighted(scores[kind][rng.integers(seeds, size=seeds)], weights) for kind in (first, second)
            )
            over_both[k] = ours.mean() - theirs.mean()
        each = [self.mean(row) for row in differences]
        return {
            "first": first,
            "second": second,
            "difference": round(float(np.mean(each)), 2),
            "each_seed": [round(value, 2) for value in each],
            "each_seed_p": [bootstrap_p(row, units) for row in over_questions[:seeds]],
            "interval_over_questions": [round(float(v), 2) for v in np.quantile(over_questions[seeds], LEVELS)],
            "p_over_questions": bootstrap_p(over_questions[seeds], units),
            "interval_over_seeds_and_questions": [round(float(v), 2) for v in np.quantile(over_both, LEVELS)],
            "p_over_seeds_and_questions": bootstrap_p(over_both, units),
        }

    def _weighted(self, rows: Floats, weights: Floats) -> Floats:
        """(seeds, questions) -> (seeds,) means in percent, with weights for the questions."""
        parts = [
            rows[:, self.task == t] @ weights[self.task == t] / max(1.0, weights[self.task == t].sum())
            for t in self.tasks
        ]
        return 100 * np.mean(parts, axis=0)


def at_least(correct: int, chances: Floats) -> float:
    """Probability of so many correct guesses or more, where the k-th succeeds with chances[k] (Poisson binomial)."""
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, [1 - chance, chance])
    return float(distribution[correct:].sum())


def megabytes(folder: Path) -> float:
    """Size of a model's folder with the towers it names, in MB."""
    used = [folder, folder.parent / "clip-mini"] if folder.name != "owl2-mini" else [folder]
    return round(sum(path.stat().st_size for place in used for path in place.iterdir()) / 1e6, 2)


def _print(record: Mapping[str, Any]) -> None:
    columns = ["kind", "seed", "mean", "pope_f1", "text_only", "text_only_p"]
    rows = [[f"{row[c]:.3g}" if c == "text_only_p" else row[c] for c in columns] for row in record["models"]]
    recording.print_table("Mini suite, mean over its benchmarks (percent)", columns, rows)
    rows = [
        [
            f"{row['first']} minus {row['second']}",
            row["difference"],
            row["each_seed"],
            row["interval_over_seeds_and_questions"],
            f"{row['p_over_seeds_and_questions']:.2g}",
        ]
        for row in record["comparisons"]
    ]
    recording.print_table("Differences", ["", "points", "each seed", "95% interval", "p"], rows)
    print(f"\nMegabytes: {record['megabytes']}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path("training/weights"), help="the trainer's (%(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("training/runs"), help="run folders (%(default)s)")
    parser.add_argument("--output", type=Path, default=recording.RESULTS / "mini-family.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
