"""Histograms of answer lengths and times, several runs in one plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from xml.etree import ElementTree as Xml

from markupsafe import Markup

from emma_eval.reports.html.charts.svg import WIDTH, drawing, node, run_class

BINS = 24
EDGE = 8.0
TOP, BOTTOM = 8.0, 112.0


def length_histogram(lengths: Mapping[int, Sequence[int]], label: str) -> Markup:
    """Answers by their number of tokens, in bins of equal and whole width; run -> lengths."""
    all_values = [length for values in lengths.values() for length in values]
    low, high = min(all_values), max(all_values)
    width = max(1, math.ceil((high - low + 1) / BINS))
    edges = [low + width * number for number in range((high - low) // width + 2)]

    def name(left: float, right: float) -> str:
        return f"{left:.0f}" if width == 1 else f"{left:.0f} to {right - 1:.0f}"

    return _histogram(lengths, edges, name, label, (name(edges[0], edges[1]), name(edges[-2], edges[-1])))


def time_histogram(seconds: Mapping[int, Sequence[float]], label: str) -> Markup:
    """Answers by their seconds, on a logarithmic scale; run -> seconds."""
    all_values = [max(value, 1e-6) for values in seconds.values() for value in values]
    low, high = math.log10(min(all_values)), math.log10(max(all_values))
    high = max(high, low + 1e-3)
    edges = [10 ** (low + (high - low) * number / BINS) for number in range(BINS + 1)]

    def name(left: float, right: float) -> str:
        return f"{in_seconds(left)} to {in_seconds(right)}"

    return _histogram(seconds, edges, name, label, (in_seconds(edges[0]), in_seconds(edges[-1])))


def in_seconds(seconds: float) -> str:
    """`5.1 ms` or `2.34 s`."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _histogram(
    values: Mapping[int, Sequence[float]],
    edges: Sequence[float],
    name: Callable[[float, float], str],
    label: str,
    ends: tuple[str, str],
) -> Markup:
    """A bar for each run in each bin, side by side; its height is the share of the run's answers."""
    shares = {run: _shares(own, edges) for run, own in values.items()}
    tallest = max(max(own) for own in shares.values())
    step = (WIDTH - 2 * EDGE) / (len(edges) - 1)
    wide = min(step * 0.86, 40) / len(shares)
    drawn = [node("line", x1=EDGE, x2=WIDTH - EDGE, y1=BOTTOM, y2=BOTTOM, class_="axis")]
    for index, (run, own) in enumerate(shares.items()):
        for number, share in enumerate(own):
            if not share:
                continue
            height = max((BOTTOM - TOP) * share / tallest, 1)
            left = EDGE + step * (number + 0.5) + wide * (index - len(shares) / 2)
            tooltip = f"{name(edges[number], edges[number + 1])}: {share:.1%}"
            bar = node("rect", x=left, y=BOTTOM - height, width=wide, height=height, rx=1, class_="bar")
            drawn.append(node("g", node("title", text=tooltip), bar, class_=run_class(run)))
    drawn += _ends(ends, step)
    return drawing(BOTTOM + 22, f"{label}, from {ends[0]} to {ends[1]}", drawn)


def _ends(names: tuple[str, str], step: float) -> list[Xml.Element]:
    """The names of the first and last bin, centred below them if there is room, else at the plot's edges."""
    first, last = EDGE + step / 2, WIDTH - EDGE - step / 2
    if first == last:
        return [node("text", text=names[0], x=first, y=BOTTOM + 15, text_anchor="middle", class_="tick")]
    wide = step > 60
    ends = (("middle", first), ("middle", last)) if wide else (("start", EDGE), ("end", WIDTH - EDGE))
    return [
        node("text", text=name, x=x, y=BOTTOM + 15, text_anchor=anchor, class_="tick")
        for name, (anchor, x) in zip(names, ends, strict=True)
    ]


def _shares(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    import numpy as np

    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    return [float(count) / max(len(values), 1) for count in counts]
