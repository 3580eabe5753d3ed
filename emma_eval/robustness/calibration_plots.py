"""The reliability diagram and the risk-coverage curve of each task, for papers; drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emma_eval.reports.figure_plots import GRID, colour
from emma_eval.reports.figures import draw_figures
from emma_eval.robustness.calibration import BINS, Calibration
from emma_eval.robustness.choice_answers import ChoiceAnswer, read_answers
from emma_eval.robustness.selective import RiskCoverage
from emma_eval.utils.files import make_output_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = "figures"
SIZE = (5.5, 2.9)  # inches: a column and a half of text


def write_calibration_figures(tasks: Mapping[str, Calibration], folder: Path) -> list[Path]:
    """A figure a task in the folder's figures/, as PNG, SVG and PDF, of the probabilities that are kept in it.

    None without matplotlib.
    """
    if not tasks or find_spec("matplotlib") is None:
        return []
    make_output_folder(folder / FOLDER)
    figures = {
        f"calibration-{task}": partial(calibration_figure, task, numbers, read_answers(folder, task).answers)
        for task, numbers in tasks.items()
    }
    return draw_figures(figures, folder / FOLDER)


def calibration_figure(task: str, numbers: Calibration, answers: Sequence[ChoiceAnswer]) -> Figure:
    """Left: accuracy against confidence over a histogram of confidence. Right: accuracy against coverage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(4, 1))
    reliability = figure.add_subplot(grid[0, 0])
    histogram = figure.add_subplot(grid[1, 0], sharex=reliability)
    selective = figure.add_subplot(grid[:, 1])
    _reliability(reliability, numbers)
    _histogram(histogram, numbers)
    _coverage(selective, answers)
    figure.suptitle(f"{task}, {numbers.answers:,} answers", fontsize=9, fontweight="bold")
    return figure


def _reliability(axis: Axes, numbers: Calibration) -> None:
    bins = numbers.bins
    x, y = [one.confidence for one in bins], [one.accuracy for one in bins]
    below = [one.accuracy - one.interval[0] for one in bins]
    above = [one.interval[1] - one.accuracy for one in bins]
    axis.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle="--")
    axis.errorbar(x, y, [below, above], fmt="o", color=colour(0), markersize=3.5, linewidth=1, capsize=1.5)
    axis.set_title(f"ECE {numbers.ece.value:.3f}", loc="right", fontsize=8)
    axis.set_xlim(*_confidence_range(numbers))
    axis.set_ylim(-0.02, 1.02)
    axis.set_ylabel("accuracy")
    axis.tick_params(axis="x", labelbottom=False)
    axis.grid(color=GRID, linewidth=0.6)


def _histogram(axis: Axes, numbers: Calibration) -> None:
    """The share of answers in each bin."""
    shares = [one.answers / numbers.answers for one in numbers.bins]
    axis.bar([one.above for one in numbers.bins], shares, 1 / BINS, align="edge", color=colour(0), edgecolor="white")
    axis.set_ylabel("share")
    axis.set_xlabel("confidence")


def _confidence_range(numbers: Calibration) -> tuple[float, float]:
    """From the first bin that holds answers to 1."""
    return numbers.bins[0].above - 0.02, 1.02


def _coverage(axis: Axes, answers: Sequence[ChoiceAnswer]) -> None:
    confidence = np.array([one.confidence for one in answers])
    is_correct = np.array([float(one.chosen == one.right) for one in answers])
    coverage, accuracy = RiskCoverage(confidence, is_correct).curve()
    axis.plot(coverage, accuracy, color=colour(0), linewidth=1.2)
    axis.axhline(is_correct.mean(), color="#888888", linewidth=0.8, linestyle="--")
    axis.set_xlim(0, 1)
    axis.set_ylim(min(0.5, float(accuracy.min())) - 0.02, 1.02)
    axis.set_xlabel("coverage: the most confident answers")
    axis.set_ylabel("their accuracy")
    axis.grid(color=GRID, linewidth=0.6)
