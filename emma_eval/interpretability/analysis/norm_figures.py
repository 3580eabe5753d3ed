"""Figures of the norms of W."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emma_eval.interpretability.analysis.means import Mean
from emma_eval.interpretability.analysis.plots import mark_grid, new_figure
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.reports.figure_plots import HATCHES, colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_text_curve(
    positions: NDArray[np.int64], arrays: Mapping[str, Floats], image_norm: float, kinds: Mapping[str, Floats]
) -> Figure:
    """Column norms and contributions over text positions, above which kinds of tokens stand there."""
    figure = new_figure(3.6, 3.8)
    norms, added, shares = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.4))
    marker = "o" if len(positions) == 1 else None
    norms.plot(positions, arrays["column norms, text"], color=colour(0), marker=marker)
    norms.axhline(image_norm, color=colour(1), linestyle="--", linewidth=1)
    norms.set_ylabel("column norm")
    norms.set_ylim(bottom=0)
    added.plot(positions, arrays["mean contribution by text position"], color=colour(2), marker=marker)
    added.set_ylabel("norm of what\nit adds")
    added.set_ylim(bottom=0)
    bottom = np.zeros(len(positions))
    for number, (kind, share) in enumerate(kinds.items()):
        hatch = HATCHES[number % len(HATCHES)]
        shares.bar(positions, share, 1.0, bottom, label=kind, color=colour(number + 4), hatch=hatch, edgecolor="white")
        bottom = bottom + share
    shares.set_ylim(0, 1)
    shares.set_yticks([0, 1], ["0", "100%"])
    shares.set_ylabel("kind")
    shares.set_xlabel("position in CLIP's text context")
    for axis in (norms, added):
        mark_grid(axis)
    handles, labels = shares.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def draw_contributions(means: Mapping[str, Mean], shares: Mapping[str, float | None]) -> Figure:
    """A bar a part with its interval, the part of it hatched that differs between samples."""
    names = [name for name, mean in means.items() if mean.value]
    figure = new_figure(3.6, 0.5 + 0.27 * len(names))
    axis = figure.add_subplot()
    for row, name in enumerate(names):
        mean, share = means[name], shares[name] or 0.0
        axis.barh(row, mean.value, 0.7, color=colour(0))
        axis.barh(row, mean.value * share, 0.7, color=colour(5), hatch="///", edgecolor="white", linewidth=0.5)
        if mean.interval:
            error = [[max(mean.value - mean.interval[0], 0)], [max(mean.interval[1] - mean.value, 0)]]
            axis.errorbar(mean.value, row, xerr=error, color="#222222", linewidth=0.8, capsize=1.5)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlabel("norm relative to the visual tokens before alignment")
    mark_grid(axis, "x")
    return figure
