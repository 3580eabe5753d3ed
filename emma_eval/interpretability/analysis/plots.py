"""Plots that sections share, drawn with matplotlib within the style of `reports.figures`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from emma_eval.interpretability.analysis.section import Floats
from emma_eval.reports.figure_plots import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 2.3  # inches, side of a heat map with its bar
COLOUR_MAP = "cividis"  # even in lightness, and the same to people with any colour vision


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def heat_maps(maps: Mapping[str, Floats], columns: int = 2, *, same_scale: bool = False) -> Figure:
    """Maps over the patch grid (rows, columns), each with its title and colour bar, or all on one scale."""
    columns = min(columns, len(maps))
    lines = -(-len(maps) // columns)
    figure = new_figure(PANEL * columns, PANEL * 0.95 * lines)
    axes = figure.subplots(lines, columns, squeeze=False).flatten()
    low = min(float(one.min()) for one in maps.values()) if same_scale else None
    high = max(float(one.max()) for one in maps.values()) if same_scale else None
    for axis, (title, values) in zip(axes, maps.items(), strict=False):
        shown = axis.imshow(values, cmap=COLOUR_MAP, vmin=low, vmax=high, interpolation="nearest")
        axis.set_title(title, fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        bar = figure.colorbar(shown, ax=axis, fraction=0.046, pad=0.03)
        bar.ax.tick_params(labelsize=6, length=2)
        bar.outline.set_visible(False)
    for axis in axes[len(maps) :]:
        axis.set_axis_off()
    return figure


def mark_grid(axis: Axes, which: Literal["both", "x", "y"] = "both") -> None:
    """Faint lines behind the data."""
    axis.grid(axis=which, color=GRID, linewidth=0.6)


def as_grid(values: Floats, grid: tuple[int, int]) -> Floats:
    """Values of visual tokens (N,) on the patch grid, the first row at the top."""
    return np.asarray(values, dtype=np.float64).reshape(grid)
