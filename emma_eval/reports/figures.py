"""The report's plots as PNG and SVG for papers, drawn with matplotlib."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import UserError
from emma_eval.reports.html.charts.svg import shortened
from emma_eval.reports.html.panels import Mark, Panel, category_panels, full_ranges, overview, score_panels
from emma_eval.reports.html.run_loader import FinishedRun, read_runs, statistics_by_run
from emma_eval.utils.files import make_output_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2f6fc4", "#d0761c", "#23876a", "#8a57b5", "#b8475f", "#6f7a1f", "#3590a5", "#75604b")
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "savefig.dpi": 300,
    "savefig.bbox": "tight",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "emma-eval",  # equal figures give equal files
    "text.parse_math": False,  # a dollar in a name is a dollar
}
COLUMNS = 3  # panels side by side
# Inches:
WIDTH, LETTER = 1.7, 0.065  # width of a panel without its labels, and of a letter of them
LINE, MARGIN = 0.17, 0.75  # height of a dot's line, and of the margins above and below a panel
LABEL = 36  # letters of the longest label


def write_figures(folders: Sequence[Path], output: Path) -> list[Path]:
    """Draw scores, profiles and each task's categories; return the files.

    Raises UserError without matplotlib, for a folder without a finished run, and if no run has a scored task.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise UserError("figures need matplotlib: pip install 'emma-eval[report]'") from None
    runs = read_runs(folders)
    make_output_folder(output)
    all_tasks = overview(runs, full_ranges(statistics_by_run(runs)[0]))
    pages = {"scores": score_panels(runs), "models": [all_tasks] if all_tasks.rows else []}
    for title, panels in category_panels(runs).items():
        name = "categories-" + re.sub(r"[^\w.-]+", "-", title)
        earlier = sum(page == name or page.startswith(f"{name}-no-") for page in pages)
        pages[f"{name}-no-{earlier + 1}" if earlier else name] = panels
    if not any(pages.values()):
        raise UserError("there is nothing to draw: the runs hold no scored task")
    with mpl.rc_context(STYLE):
        return [path for name, panels in pages.items() if panels for path in _save(_page(panels, runs), output / name)]


def _page(panels: Sequence[Panel], runs: Sequence[FinishedRun]) -> Figure:
    """All panels in a grid with one legend; a grid row is as high as its highest panel."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    lines = [list(panels[start : start + columns]) for start in range(0, len(panels), columns)]
    heights = [MARGIN + LINE * max(sum(len(row.marks) + 1 for row in panel.rows) for panel in line) for line in lines]
    longest = max(len(shortened(row.label, LABEL)) for panel in panels for row in panel.rows)
    width = (WIDTH + LETTER * longest) * columns
    names = [shortened(run.label, LABEL) for run in runs]
    names_per_line = max(1, int(width / (0.5 + LETTER * max(map(len, names)))))
    height = sum(heights) + LINE * math.ceil(len(names) / names_per_line)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(len(lines), columns, squeeze=False, height_ratios=heights)
    for index, row in enumerate(axes):
        for axis, panel in zip(row, lines[index], strict=False):
            _panel(axis, panel)
        for axis in row[len(lines[index]) :]:
            axis.set_axis_off()
    handles = [axes[0][0].plot([], [], "o", color=colour(run))[0] for run in range(len(runs))]
    figure.legend(handles, names, loc="outside lower center", ncols=min(names_per_line, len(names)), frameon=False)
    return figure


def _panel(axis: Axes, panel: Panel) -> None:
    """A dot and a whisker for each mark, rows from top to bottom."""
    y, names, positions = 0.0, [], []
    for row in panel.rows:
        names.append(shortened(row.label, LABEL))
        positions.append(y + (len(row.marks) - 1) / 2)
        for mark in row.marks:
            _dot(axis, mark, y)
            y += 1
        y += 1
    axis.set_yticks(positions, names)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(y - 0.5, -0.7)
    axis.grid(axis="x", color="#e4e4de", linewidth=0.6)
    axis.set_title(panel.title, loc="left", fontweight="bold")
    axis.set_xlabel(panel.subtitle)


def _dot(axis: Axes, mark: Mark, y: float) -> None:
    axis.plot([mark.low, mark.high], [y, y], color=colour(mark.run), linewidth=1.6, alpha=0.55, solid_capstyle="round")
    axis.plot([mark.value], [y], "o", color=colour(mark.run), markersize=4)


def colour(run: int) -> str:
    """A run's colour, as on the page's light theme."""
    return COLOURS[run % len(COLOURS)]


def _save(figure: Figure, stem: Path) -> list[Path]:
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg")]
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths
