"""Figures of attention: by layer, over the patch grid, and over the images of chosen samples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emma_eval.interpretability.analysis.plots import mark_grid, new_figure
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.interpretability.token_kinds import KIND_WORDS, KINDS
from emma_eval.reports.figure_plots import MARKERS, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from emma_eval.interpretability.analysis.attention_data import KindMean
    from emma_eval.interpretability.analysis.means import Mean

WIDTH = 6.9  # inches, of a page of two columns
HEAT, DIFFERENCE = "inferno", "RdBu_r"
OPACITY = 0.62  # of a map over its image
CLIPPED = 99  # percentile of a sample's maps where the colours end: one sink would leave all else dark
LABEL = 150  # letters of a sample's question and answer


@dataclass(frozen=True, slots=True)
class HeatMaps:
    """One sample: its image, and maps over it in the order of the columns."""

    label: str
    image: NDArray[np.uint8]  # (S, S, 3) as the model saw it
    maps: Mapping[str, tuple[Floats, float]]  # (grid) in multiples of an even share; attention to the whole image


def draw_layers(layers: Sequence[KindMean]) -> Figure:
    """Attention by layer: all of a kind, and for one token."""
    figure = new_figure(WIDTH, 3.0)
    left, right = figure.subplots(1, 2)
    for number, kind in enumerate(KINDS):
        rows = [one for one in layers if one.kind == kind and one.tokens]
        style = {"color": colour(number), "marker": MARKERS[number % len(MARKERS)], "markersize": 3}
        for axis, values, off in (
            (left, [one.share for one in rows], [one.share_off for one in rows if one.share_off]),
            (right, [one.even for one in rows if one.even], [one.even_off for one in rows if one.even_off]),
        ):
            if values:
                _curve(axis, values, label=KIND_WORDS[kind] if axis is left else None, **style)
            axis.plot(range(1, len(off) + 1), [one.value for one in off], "--", color=colour(number), linewidth=1)
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:g}")
    right.axhline(1, color="#777777", linewidth=0.8)
    for axis, label in ((left, "attention to all tokens of a kind, %"), (right, "attention to a token, x even share")):
        axis.set_xlabel("layer")
        axis.set_ylabel(label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        mark_grid(axis)
    left.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _curve(axis: Axes, values: Sequence[Mean], **style: Any) -> None:
    x = range(1, len(values) + 1)
    axis.plot(x, [one.value for one in values], linewidth=1.4, **style)
    low, high = zip(*(one.interval or (one.value, one.value) for one in values), strict=True)
    axis.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)


def draw_heat_maps(samples: Sequence[HeatMaps]) -> Figure:
    """A row for each sample: its image, and every map over it."""
    columns = 1 + max(len(one.maps) + ("alignment off" in one.maps) for one in samples)
    side = WIDTH / columns
    figure = new_figure(WIDTH, (side + 0.6) * len(samples))
    rows = figure.subfigures(len(samples), 1, squeeze=False)[:, 0]
    for part, one in zip(rows, samples, strict=True):
        _draw_row(part, one, columns)
    return figure


def _draw_row(part: SubFigure, one: HeatMaps, columns: int) -> None:
    from matplotlib.colors import Normalize

    label = textwrap.shorten(one.label, LABEL, placeholder=" ...")
    part.suptitle("\n".join(textwrap.wrap(label, 105)), fontsize=7, x=0.01, ha="left")
    axes = part.subplots(1, columns, squeeze=False)[0]
    top = float(np.percentile(np.concatenate([values.ravel() for values, _ in one.maps.values()]), CLIPPED))
    draw_image(axes[0], one.image, "image as seen")
    for axis, (name, (values, share)) in zip(axes[1:], one.maps.items(), strict=False):
        draw_image(axis, one.image, name, f"{100 * share:.1f}% to the image")
        heat = cover(axis, one.image, values, HEAT, Normalize(0, top))
    part.colorbar(heat, ax=axes, shrink=0.8, pad=0.01, extend="max").ax.tick_params(labelsize=6)
    if "alignment off" in one.maps:
        difference = one.maps["all layers"][0] - one.maps["alignment off"][0]
        bound = float(np.percentile(np.abs(difference), CLIPPED)) or 1.0
        draw_image(axes[-1], one.image, "with less without", f"colours to ±{bound:.2g}")
        cover(axes[-1], one.image, difference, DIFFERENCE, Normalize(-bound, bound))


def draw_image(axis: Axes, image: NDArray[np.uint8], title: str, below: str = "") -> None:
    """An image (H, W, 3), and room for a map over it."""
    axis.imshow(image)
    axis.set_title(title, fontsize=6.5)
    axis.set_xlabel(below, fontsize=6)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def cover(axis: Axes, image: NDArray[np.uint8], values: Floats, colours: str, norm: Any) -> Any:
    """A map (G, G) over an image (H, W, 3): a patch of the grid is a square of it. Returns what a colour bar takes."""
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    return axis.imshow(values, cmap=colours, norm=norm, alpha=OPACITY, extent=extent, interpolation="nearest")
