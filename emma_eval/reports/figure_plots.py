"""Panels as matplotlib figures, in the forms that papers print: dots with intervals, grouped bars, a radar.

Runs are told apart by colour and by marker, hatch or line style, so that no figure needs colour to be read.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emma_eval.reports.html.charts.svg import shortened
from emma_eval.reports.html.panels import Mark, Panel, PanelRow

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Names = Mapping[int, str]  # the runs of a figure's marks: number, which chooses colour and marker, -> name
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d3a9b", "#4d4d4d")  # Okabe and Ito's
MARKERS = "os^DvPX*"
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")
LINES = ("-", "--", "-.", ":")
GRID = "#e4e4de"
COLUMNS = 3  # panels side by side
# Inches:
WIDTH, LETTER = 1.7, 0.065  # width of a panel without its labels, and of a letter of them
LINE, MARGIN = 0.17, 0.75  # height of a dot's line, and of the margins above and below a panel
TEXT_WIDTH = 6.9  # of a page of two columns
RADAR = 4.2  # width of a radar with its labels
LABEL = 36  # letters of the longest label
GROUPS = 8  # groups of bars side by side
WRAP = 13  # letters on a line below a group of bars
SIDEWAYS = 0.2  # of a radar's axis: how far from upright or level its label is still centred


def dots(panels: Sequence[Panel], names: Names) -> Figure:
    """All panels in a grid, a dot and a whisker for each mark; a legend if there are `names` of the runs."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    lines = [list(panels[start : start + columns]) for start in range(0, len(panels), columns)]
    heights = [MARGIN + LINE * max(sum(len(row.marks) + 1 for row in panel.rows) for panel in line) for line in lines]
    longest = max(len(shortened(row.label, LABEL)) for panel in panels for row in panel.rows)
    width = (WIDTH + LETTER * longest) * columns
    height = sum(heights) + LINE * math.ceil(len(names) / _names_per_line(names, width))
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(len(lines), columns, squeeze=False, height_ratios=heights)
    for index, row in enumerate(axes):
        for axis, panel in zip(row, lines[index], strict=False):
            _dot_panel(axis, panel)
        for axis in row[len(lines[index]) :]:
            axis.set_axis_off()
    handles: list[Artist] = [
        axes[0][0].plot([], [], MARKERS[run % len(MARKERS)], color=colour(run))[0] for run in names
    ]
    _legend(figure, handles, names, width)
    return figure


def bars(panel: Panel, names: Names) -> Figure:
    """A group of bars for each row, in order; whiskers are intervals."""
    from matplotlib.figure import Figure

    groups = math.ceil(len(panel.rows) / math.ceil(len(panel.rows) / GROUPS))  # lines of like length
    lines = [panel.rows[start : start + groups] for start in range(0, len(panel.rows), groups)]
    figure = Figure(figsize=(TEXT_WIDTH, 1.9 * len(lines) + 0.4), layout="constrained")
    axes = figure.subplots(len(lines), 1, squeeze=False)
    for (axis,), rows in zip(axes, lines, strict=True):
        _bar_line(axis, rows, list(names), len(lines[0]))
        axis.set_ylabel(panel.axis)
        if panel.bounds:
            low, high = panel.bounds
            axis.set_ylim(low, high + (high - low) * 0.02)  # a whisker's end at the top stays whole
    handles = [
        axes[0][0].bar(0, 0, color=colour(run), hatch=HATCHES[run % len(HATCHES)], edgecolor="white")[0]
        for run in names
    ]
    _legend(figure, handles, names, TEXT_WIDTH)
    return figure


def radar(panel: Panel, names: Names) -> Figure:
    """A closed line for each run over one axis for each row; a run without a value on each row has gaps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(RADAR, RADAR - 0.6 + LINE * len(names)), layout="constrained")
    axis = figure.add_subplot(projection="polar")
    angles = [math.pi / 2 - 2 * math.pi * index / len(panel.rows) for index in range(len(panel.rows))]
    low, high = panel.bounds or (0.0, max(mark.value for row in panel.rows for mark in row.marks))
    ticks = [low + (high - low) * step / 4 for step in range(1, 5)]
    axis.set_ylim(low, high)
    axis.set_xticks([angle % (2 * math.pi) for angle in angles], [""] * len(angles))
    axis.set_yticks(ticks, [""] * len(ticks))
    axis.grid(color=GRID, linewidth=0.7)
    axis.spines["polar"].set_visible(False)
    handles: list[Artist] = []
    for run in names:
        values = [next((mark.value for mark in row.marks if mark.run == run), math.nan) for row in panel.rows]
        line, marker = LINES[run % len(LINES)], MARKERS[run % len(MARKERS)]
        closed = [*angles, angles[0]], [*values, values[0]]
        drawn = axis.plot(*closed, color=colour(run), linestyle=line, marker=marker, markersize=3.5, clip_on=False)
        handles += drawn
    behind = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    between = (angles[0] + angles[1]) / 2
    for tick in ticks:  # on the rings, between two axes, where no line of the grid goes through them
        axis.text(between, tick, f"{tick:g}", fontsize=6, color="#555555", ha="center", va="center", bbox=behind)
    for angle, row in zip(angles, panel.rows, strict=True):
        x, y = math.cos(angle), math.sin(angle)
        side = "center" if abs(x) < SIDEWAYS else "left" if x > 0 else "right"
        height = "center" if abs(y) < SIDEWAYS else "bottom" if y > 0 else "top"
        label = "\n".join(textwrap.wrap(shortened(row.label, LABEL), WRAP))
        axis.text(angle, low + (high - low) * 1.07, label, ha=side, va=height)
    axis.set_title(panel.axis, fontsize=8, pad=22)
    _legend(figure, handles, names, RADAR)
    return figure


def colour(run: int) -> str:
    """A run's colour: of a palette that people with any colour vision can tell apart."""
    return COLOURS[run % len(COLOURS)]


def _dot_panel(axis: Axes, panel: Panel) -> None:
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
    axis.grid(axis="x", color=GRID, linewidth=0.6)
    axis.set_title(panel.title[:1].upper() + panel.title[1:], loc="left", fontweight="bold")
    axis.set_xlabel(panel.axis)


def _dot(axis: Axes, mark: Mark, y: float) -> None:
    ours = colour(mark.run)
    axis.plot([mark.low, mark.high], [y, y], color=ours, linewidth=1.6, alpha=0.55, solid_capstyle="round")
    axis.plot([mark.value], [y], MARKERS[mark.run % len(MARKERS)], color=ours, markersize=4)


def _bar_line(axis: Axes, rows: Sequence[PanelRow], runs: Sequence[int], groups: int) -> None:
    """Bars of these rows, where there is room for so many `groups`."""
    width = 0.8 / max(len(runs), 1)
    for position, row in enumerate(rows):
        for mark in row.marks:
            x = position + (runs.index(mark.run) - (len(runs) - 1) / 2) * width
            hatch = HATCHES[mark.run % len(HATCHES)]
            axis.bar(x, mark.value, width, color=colour(mark.run), hatch=hatch, edgecolor="white", linewidth=0.5)
            if mark.interval:
                below, above = max(mark.value - mark.low, 0.0), max(mark.high - mark.value, 0.0)
                axis.errorbar(x, mark.value, [[below], [above]], color="#222222", linewidth=0.8, capsize=1.5)
    axis.set_xticks(range(len(rows)), ["\n".join(textwrap.wrap(shortened(row.label, LABEL), WRAP)) for row in rows])
    axis.tick_params(axis="x", length=0)
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(-0.6, groups - 0.4)
    axis.grid(axis="y", color=GRID, linewidth=0.6)


def _names_per_line(names: Names, width: float) -> int:
    longest = max((len(shortened(name, LABEL)) for name in names.values()), default=0)
    return max(1, int(width / (0.5 + LETTER * longest)))


def _legend(figure: Figure, handles: Sequence[Artist], names: Names, width: float) -> None:
    if names:
        shown = [shortened(name, LABEL) for name in names.values()]
        columns = min(_names_per_line(names, width), len(names))
        figure.legend(handles, shown, loc="outside lower center", ncols=columns, frameon=False)
