"""Figure of pairs: one image, two questions, and where its visual tokens differ between them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emma_eval.interpretability.analysis.attention_figures import HEAT, cover, draw_image
from emma_eval.interpretability.analysis.plots import new_figure
from emma_eval.interpretability.analysis.section import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, TEXT = 1.5, 2.6  # inches: of an image, and of the text beside it
LABEL, WRAP = 160, 44  # letters of a question with its answers, and of a line


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair's image and maps (grid), in percent, by name."""

    lines: Sequence[str]  # the questions with their answers
    image: NDArray[np.uint8]  # (S, S, 3) as the model saw it
    maps: Mapping[str, Floats]


def draw_pairs(pairs: Sequence[ShownPair]) -> Figure:
    """A row for each pair: text, image, maps, each with colours of its own."""
    from matplotlib.colors import Normalize

    columns = 1 + len(pairs[0].maps)
    figure = new_figure(TEXT + (SIDE + 0.35) * columns, (SIDE + 0.35) * len(pairs))
    widths = [TEXT, *columns * [SIDE + 0.35]]
    axes = figure.subplots(len(pairs), 1 + columns, squeeze=False, width_ratios=widths)
    for row, pair in zip(axes, pairs, strict=True):
        row[0].set_axis_off()
        shortened = (textwrap.shorten(line, LABEL, placeholder=" ...") for line in pair.lines)
        text = "\n\n".join("\n".join(textwrap.wrap(line, WRAP)) for line in shortened)
        row[0].text(0, 0.5, text, fontsize=7, va="center", ha="left", transform=row[0].transAxes)
        draw_image(row[1], pair.image, "image as seen")
        for axis, (name, values) in zip(row[2:], pair.maps.items(), strict=True):
            draw_image(axis, pair.image, name)
            heat = cover(axis, pair.image, values, HEAT, Normalize(0, float(values.max()) or 1.0))
            figure.colorbar(heat, ax=axis, shrink=0.8, format="%g%%").ax.tick_params(labelsize=6)
    return figure
