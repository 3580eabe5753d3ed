"""MME: a folder a subtask; beside each image a text file with a question whose answer is Yes and one with No."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from emma_eval.mini import items
from emma_eval.mini.suite.drawing import draws, save_image, save_text
from emma_eval.mini.world import SHAPES, Scene

IMAGES = 25  # a subtask


def write(root: Path) -> None:
    """Write the four subtasks, on images of their own."""
    series = draws("mme")
    for subtask in items.MME_KINDS:
        folder = root / "MME/MME_Benchmark_release_version" / subtask
        fitting = (drawn for drawn in series if subtask != "color" or _has_lone_shape(drawn.scene))
        for drawn in islice(fitting, IMAGES):
            pair = items.mme_pair(drawn.rng, drawn.scene, subtask)
            lines = [f"{item.question} Please answer yes or no.\t{item.answer}\n" for item in pair]
            save_image(folder / f"{drawn.seed:012d}.png", drawn.scene, "PNG")
            save_text(folder / f"{drawn.seed:012d}.txt", "".join(lines))


def _has_lone_shape(scene: Scene) -> bool:
    """Whether "the circle" means one thing, so that its colour can be asked."""
    return any(scene.count(shape=shape) == 1 for shape in SHAPES)
