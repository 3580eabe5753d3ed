"""A run's profile over all tasks on one scale, with the other runs as thin marks; one plot a run."""

from __future__ import annotations

from markupsafe import Markup

from emma_eval.reports.html.charts.svg import WIDTH, Axis, drawing, grid, node, run_class, shortened
from emma_eval.reports.html.panels import Panel

EDGE = 8.0
ROW = 36.0
TICKS = (0.0, 25.0, 50.0, 75.0, 100.0)


def profile(panel: Panel) -> Markup:
    """Bars from 0 to 100% of each metric's range."""
    axis = Axis(0, 100, TICKS, EDGE, WIDTH - EDGE)
    bottom = ROW * len(panel.rows) + 4
    drawn = grid(axis, [(index * ROW + 19, index * ROW + 31) for index in range(len(panel.rows))], bottom)
    for index, row in enumerate(panel.rows):
        own, *others = row.marks
        top = index * ROW
        y = top + 21
        drawn += [
            node("text", text=shortened(row.label, 32), x=EDGE, y=top + 15, class_="label"),
            node("text", text=own.text, x=WIDTH - EDGE, y=top + 15, text_anchor="end", class_="value"),
            node("rect", x=axis.at(0), y=y, width=axis.at(100) - axis.at(0), height=8, rx=4, class_="track"),
            node(
                "g",
                node("title", text=f"{own.name}: {own.text} {own.interval}"),
                node("rect", x=axis.at(0), y=y, width=max(axis.at(own.value) - EDGE, 0), height=8, rx=4, class_="bar"),
                class_=run_class(own.run),
            ),
        ]
        for mark in others:
            x = axis.at(mark.value)
            line = node("line", x1=x, x2=x, y1=y - 2, y2=y + 10, class_="other")
            drawn.append(node("g", node("title", text=f"{mark.name}: {mark.text}"), line, class_=run_class(mark.run)))
    description = "; ".join(f"{row.label} {row.marks[0].text}" for row in panel.rows)
    return drawing(bottom + 20, f"{panel.title}: {description}", drawn)
