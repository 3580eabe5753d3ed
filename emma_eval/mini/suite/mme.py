"""MME: a folder a subtask; beside each image a text file with a question whose answer is Yes and one with No."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from emma_eval.mini import items
from emma_eval.mini.suite.drawing import save_image, save_text, seeded_scenes
from emma_eval.mini.world import SHAPES, Scene

IMAGES = 25  # a subtask


def write(root: Path) -> None:
    """Write the four subtasks; no two share an image."""
    series = seeded_scenes("mme")
    for subtask in items.MME_KINDS:
        folder = root / "MME/MME_Benchmark_release_version" / subtask
        usable = (seeded for seeded in series if subtask != "color" or _has_lone_shape(seeded.scene))
        for seeded in islice(usable, IMAGES):
            pair = items.mme_pair(seeded.rng, seeded.scene, subtask)
            lines = [f"{item.question} Please answer yes or no.\t{item.answer}\n" for item in pair]
            save_image(folder / f"{seeded.seed:012d}.png", seeded.scene, "PNG")
            save_text(folder / f"{seeded.seed:012d}.txt", "".join(lines))


def _has_lone_shape(scene: Scene) -> bool:
    """Whether some shape occurs once, so that "the circle" is unambiguous and its colour can be asked."""
    return any(scene.count(shape=shape) == 1 for shape in SHAPES)
