"""A run's profile over all tasks on one scale, with the other runs as thin marks; one plot a run."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as Xml

from markupsafe import Markup

from emma_eval.reports.html.charts.svg import WIDTH, Axis, drawing, grid, node, run_class, shortened
from emma_eval.reports.html.panels import Panel, PanelRow

EDGE = 8.0  # lengths are in the drawing's units, WIDTH of them across
ROW = 36.0  # height of a row: label and value, the bar below them
BASELINE = 15  # of the text, from the row's top
BAR_TOP, BAR_HEIGHT = 21, 8
OVERHANG = 2  # of marks and gridlines over the bar
TICKS = (0.0, 25.0, 50.0, 75.0, 100.0)


def profile(panel: Panel) -> Markup:
    """Bars from 0 to 100% of each metric's range; of a row's marks the first is the run's own."""
    axis = Axis(0, 100, TICKS, EDGE, WIDTH - EDGE)
    bars = [index * ROW + BAR_TOP for index in range(len(panel.rows))]
    bottom = ROW * len(panel.rows) + 4
    drawn = grid(axis, [(bar - OVERHANG, bar + BAR_HEIGHT + OVERHANG) for bar in bars], bottom)
    for bar, row in zip(bars, panel.rows, strict=True):
        drawn += _row(axis, bar, row)
    description = "; ".join(f"{row.label} {row.marks[0].text}" for row in panel.rows)
    return drawing(bottom + 20, f"{panel.title}: {description}", drawn)


def _row(axis: Axis, bar: float, row: PanelRow) -> Iterator[Xml.Element]:
    """Label and value, the bar below them at height `bar`, and a mark across it for each other run."""
    own, *others = row.marks
    baseline = bar - BAR_TOP + BASELINE
    yield node("text", text=shortened(row.label, 32), x=EDGE, y=baseline, class_="label")
    yield node("text", text=own.text, x=WIDTH - EDGE, y=baseline, text_anchor="end", class_="value")
    yield _bar(axis, bar, axis.at(100) - axis.at(0), "track")
    yield node(
        "g",
        node("title", text=f"{own.name}: {own.text} {own.interval}"),
        _bar(axis, bar, max(axis.at(own.value) - EDGE, 0), "bar"),
        class_=run_class(own.run),
    )
    for mark in others:
        x = axis.at(mark.value)
        line = node("line", x1=x, x2=x, y1=bar - OVERHANG, y2=bar + BAR_HEIGHT + OVERHANG, class_="other")
        yield node("g", node("title", text=f"{mark.name}: {mark.text}"), line, class_=run_class(mark.run))


def _bar(axis: Axis, top: float, width: float, class_: str) -> Xml.Element:
    return node("rect", x=axis.at(0), y=top, width=width, height=BAR_HEIGHT, rx=BAR_HEIGHT / 2, class_=class_)
