"""Figures of the norms of W."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emma_eval.interpretability.analysis.means import Mean
from emma_eval.interpretability.analysis.plots import mark_grid, new_figure
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.reports.figure_plots import COLOURS, MARKERS, colour

KIND_COLOURS = (COLOURS[1], COLOURS[0], COLOURS[6], "#c9c9c4")  # start, words, end, padding
LEAST_DIFFERING = 1e-4  # of the norm; less is rounding

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_text_curve(
    positions: NDArray[np.int64], arrays: Mapping[str, Floats], image_norm: float, kinds: Mapping[str, Floats]
) -> Figure:
    """Column norms and contributions over text positions (T,), above which kinds of tokens stand there.

    Arrays are (T,), `kinds` a share of the tokens for each position.
    """
    figure = new_figure(3.6, 3.8)
    norms, added, shares = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.4))
    marker = "o" if len(positions) == 1 else None
    norms.plot(positions, arrays["column norms, text"], color=colour(0), marker=marker)
    norms.axhline(image_norm, color=colour(1), linestyle="--", linewidth=1)
    norms.text(positions[-1], image_norm, "mean image column ", ha="right", va="bottom", fontsize=7, color=colour(1))
    norms.set_ylabel("column norm")
    norms.set_ylim(0, 1.25 * max(image_norm, float(arrays["column norms, text"].max())))
    added.plot(positions, arrays["mean contribution by text position"], color=colour(2), marker=marker)
    added.set_ylabel("norm of what\nit adds")
    added.set_ylim(bottom=0)
    edges = np.append(positions - 0.5, positions[-1] + 0.5)
    bottom = np.zeros(len(positions))
    for number, (kind, share) in enumerate(kinds.items()):
        shares.stairs(bottom + share, edges, baseline=bottom, fill=True, label=kind, color=KIND_COLOURS[number])
        bottom = bottom + share
    shares.set_ylim(0, 1)
    shares.set_yticks([0, 1], ["0", "100%"])
    shares.set_ylabel("kind")
    shares.set_xlim(edges[0], edges[-1])
    shares.set_xlabel("position in CLIP's text context")
    for axis in (norms, added):
        mark_grid(axis)
    handles, labels = shares.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def draw_contributions(means: Mapping[str, Mean], shares: Mapping[str, float | None]) -> Figure:
    """A dot a part with its interval, and a square for the part of it that differs between samples."""
    names = [name for name, mean in means.items() if mean.value]
    figure = new_figure(3.8, 0.8 + 0.24 * len(names))
    axis = figure.add_subplot()
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    for row, name in enumerate(names):
        mean, differing = means[name], means[name].value * (shares[name] or 0.0) ** 0.5
        if mean.interval and mean.interval[0] > 0:
            axis.plot(mean.interval, [row, row], color=colour(0), linewidth=1.6, alpha=0.55)
        axis.plot(mean.value, row, MARKERS[0], color=colour(0), markersize=4.5)
        if differing > mean.value * LEAST_DIFFERING:
            axis.plot(differing, row, MARKERS[1], color=colour(1), markersize=4.5, fillstyle="none")
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlabel("norm relative to the visual tokens before alignment")
    mark_grid(axis, "x")
    return figure
