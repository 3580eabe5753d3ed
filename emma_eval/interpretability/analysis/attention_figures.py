"""Figures of attention: by layer, over the patch grid, and over the images of chosen samples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emma_eval.interpretability.analysis.section import Floats
from emma_eval.interpretability.token_kinds import KIND_WORDS, KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from emma_eval.interpretability.analysis.attention_data import KindMean
    from emma_eval.interpretability.means import Mean

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
    from matplotlib.figure import Figure

    from emma_eval.reports.figure_plots import GRID, MARKERS, colour

    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, kind in enumerate(KINDS):
        rows = [one for one in layers if one.kind == kind]
        if not any(one.tokens for one in rows):
            continue
        style = {"color": colour(number), "marker": MARKERS[number % len(MARKERS)], "markersize": 3}
        _curve(left, [one.share for one in rows], 100, label=KIND_WORDS[kind], **style)
        _curve(right, [one.even for one in rows], 1, **style)
        without = [(one.share_off, one.even_off) for one in rows if one.share_off and one.even_off]
        for axis, scale, place in ((left, 100, 0), (right, 1, 1)) if without else ():
            values = [scale * pair[place].value for pair in without]
            axis.plot(range(1, len(values) + 1), values, "--", color=colour(number), linewidth=1)
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:g}")
    right.axhline(1, color="#777777", linewidth=0.8)
    for axis, label in ((left, "attention to all tokens of a kind, %"), (right, "attention to a token, x even share")):
        axis.set_xlabel("layer")
        axis.set_ylabel(label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(color=GRID, linewidth=0.6)
    left.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _curve(axis: Axes, values: Sequence[Mean], scale: float, **style: Any) -> None:
    x = np.arange(1, len(values) + 1)
    value, low, high = (scale * np.array(column) for column in zip(*values, strict=True))
    axis.plot(x, value, linewidth=1.4, **style)
    axis.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)


def draw_mean_map(maps: Mapping[str, Floats], *, with_difference: bool = True) -> Figure:
    """The mean maps side by side, on one scale with their difference, or each on its own."""
    from matplotlib.figure import Figure

    drawn = dict(maps)
    both = list(maps.values())
    if with_difference and len(both) == 2:
        drawn["with less without"] = both[0] - both[1]
    figure = Figure(figsize=(0.4 + 2.2 * len(drawn), 2.4), layout="constrained")
    top = max(float(one.max()) for one in both)
    for axis, (name, values) in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True):
        is_difference = name == "with less without"
        bound = float(np.abs(values).max()) or 1.0
        low, high = (-bound, bound) if is_difference else (0.0, top if with_difference else None)
        shown = axis.imshow(values, cmap=DIFFERENCE if is_difference else HEAT, vmin=low, vmax=high)
        axis.set_title(name.removeprefix("mean map, ").replace("mean map", "as trained"))
        _bare(axis)
        figure.colorbar(shown, ax=axis, shrink=0.8)
    return figure


def draw_heat_maps(samples: Sequence[HeatMaps]) -> Figure:
    """A row for each sample: its image, and every map over it."""
    from matplotlib.figure import Figure

    columns = 1 + max(len(one.maps) + ("alignment off" in one.maps) for one in samples)
    side = WIDTH / columns
    figure = Figure(figsize=(WIDTH, (side + 0.6) * len(samples)), layout="constrained")
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
    """The image, and room for a map over it."""
    axis.imshow(image)
    axis.set_title(title, fontsize=6.5)
    axis.set_xlabel(below, fontsize=6)
    _bare(axis)


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def cover(axis: Axes, image: NDArray[np.uint8], values: Floats, colours: str, norm: Any) -> Any:
    """A map over an image: a patch of the grid is a square of it."""
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    return axis.imshow(values, cmap=colours, norm=norm, alpha=OPACITY, extent=extent, interpolation="nearest")
