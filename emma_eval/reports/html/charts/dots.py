"""Dot-and-whisker plots: a line for each run or category, a dot at the score, a whisker over its 95% interval."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from markupsafe import Markup

from emma_eval.reports.html.charts.svg import WIDTH, Axis, drawing, grid, nice_axis, node, run_class, shortened
from emma_eval.reports.html.panels import Mark, Panel, PanelRow

EDGE = 8.0
LABEL = 22.0  # height of a row's words
TRACK = 13.0  # height of each of its dots
LETTERS = 46  # that fit in a line


def dot_plot(panel: Panel) -> Markup:
    """The plot of a panel. Labels are above their dots, so that long ones fit on a phone."""
    ends = [end for row in panel.rows for mark in row.marks for end in (mark.low, mark.high, mark.value)]
    axis = nice_axis(ends, EDGE, WIDTH - EDGE, panel.bounds)
    heights = [LABEL + TRACK * len(row.marks) for row in panel.rows]
    bottom = sum(heights) + 6
    tops = [sum(heights[:index]) for index in range(len(heights))]
    tracks = [(top + LABEL, top + height) for top, height in zip(tops, heights, strict=True)]
    drawn = grid(axis, tracks, bottom)
    for row, top in zip(panel.rows, tops, strict=True):
        drawn += _row(row, axis, top)
    return drawing(bottom + 20, f"{panel.title}, {panel.subtitle}: {_description(panel)}", drawn)


def _row(row: PanelRow, axis: Axis, top: float) -> list[Xml.Element]:
    numbers = row.marks[0].text + (f" {row.marks[0].interval}" if row.marks[0].interval else "")
    words = numbers if len(row.marks) == 1 else " · ".join(mark.text for mark in row.marks)
    room = max(8, LETTERS - len(words))
    base = top + 16
    label = node("text", node("title", text=row.label), x=EDGE, y=base, class_="label")
    label.text = shortened(row.label, room)
    drawn = [label, node("text", text=words, x=WIDTH - EDGE, y=base, text_anchor="end", class_="value")]
    for index, mark in enumerate(row.marks):
        drawn.append(_dot(mark, axis, top + LABEL + TRACK * (index + 0.5), row.questions))
    return drawn


def _dot(mark: Mark, axis: Axis, y: float, questions: int) -> Xml.Element:
    left, right = axis.at(mark.low), axis.at(mark.high)
    tooltip = " ".join(filter(None, (f"{mark.name}: {mark.text}", mark.interval, f"({questions:,})")))
    return node(
        "g",
        node("title", text=tooltip),
        node("line", x1=left, x2=right, y1=y, y2=y, class_="whisker"),
        node("circle", cx=axis.at(mark.value), cy=y, r=4.5, class_="dot"),
        class_=run_class(mark.run, "mark"),
    )


def _description(panel: Panel) -> str:
    marks = [(row, mark) for row in panel.rows for mark in row.marks]
    return "; ".join(f"{row.label} {mark.name} {mark.text} {mark.interval}".strip() for row, mark in marks)
