"""The forms of figures: what is drawn where, legends, and what tells runs apart besides colour."""

from __future__ import annotations

import math

import pytest

from emma_eval.reports.html.panels import PERCENT, Mark, Panel, PanelRow

pytest.importorskip("matplotlib")

from emma_eval.reports.figure_plots import HATCHES, LINES, MARKERS, bars, dots, radar

NAMES = {0: "emma-mini", 1: "llava-mini"}
VALUES = {"GQA": (87.5, 89.0), "POPE": (100.0, 99.0), "MME": (81.0, 83.2), "VizWiz": (99.0, math.nan)}


def panel(rows: int = 4, **changes: object) -> Panel:
    made = []
    for label, values in list(VALUES.items())[:rows]:
        marks = tuple(
            Mark(run, NAMES[run], value, value - 2, min(value + 2, 100.0), f"{value:.1f}", "[..]")
            for run, value in enumerate(values)
            if not math.isnan(value)
        )
        made.append(PanelRow(label, marks, 100))
    about = {"bounds": PERCENT, "axis": "Score (%)", **changes}
    return Panel("models", "all tasks", "a subtitle that only the page shows", tuple(made), **about)


def texts(figure) -> list[str]:
    """All texts of a figure's axes and legends that are not empty."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def legend_names(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_dots_stand_at_their_values_with_their_intervals_as_whiskers():
    figure = dots([panel()], NAMES)
    lines = [line for axis in figure.axes for line in axis.lines if len(line.get_xdata())]
    whiskers = [tuple(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2]
    values = [line.get_xdata()[0] for line in lines if len(line.get_xdata()) == 1]
    assert values == [87.5, 89.0, 100.0, 99.0, 81.0, 83.2, 99.0]
    assert whiskers[:3] == [(85.5, 89.5), (87.0, 91.0), (98.0, 100.0)]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(VALUES)
    assert legend_names(figure) == list(NAMES.values())


def test_rows_that_are_models_need_no_legend():
    figure = dots([panel(), panel()], {})
    assert figure.legends == []
    assert "Score (%)" in texts(figure)
    assert "All tasks" in texts(figure)
    assert "a subtitle that only the page shows" not in texts(figure)


def test_bars_are_grouped_by_task_and_as_high_as_their_values():
    figure = bars(panel(), NAMES)
    (axis,) = figure.axes
    drawn = [
        (round(bar.get_x() + bar.get_width() / 2, 2), bar.get_height()) for bar in axis.patches if bar.get_height()
    ]
    assert drawn == [
        (-0.2, 87.5), (0.2, 89.0), (0.8, 100.0), (1.2, 99.0), (1.8, 81.0), (2.2, 83.2), (2.8, 99.0),
    ]  # fmt: skip
    assert [label.get_text() for label in axis.get_xticklabels()] == list(VALUES)
    assert axis.get_ylabel() == "Score (%)"
    assert axis.get_ylim()[0] == 0.0  # bars that do not begin at 0 mislead


def test_many_tasks_are_several_lines_of_bars():
    many = Panel("models", "All", "", tuple(panel().rows) * 5, PERCENT, "Score (%)")
    assert [len(axis.get_xticks()) for axis in bars(many, NAMES).axes] == [7, 7, 6]


def test_a_radar_has_a_closed_line_for_each_run_and_a_gap_where_it_has_no_value():
    figure = radar(panel(), NAMES)
    first, second = (line.get_ydata() for line in figure.axes[0].lines)
    assert list(first) == [87.5, 100.0, 81.0, 99.0, 87.5]
    assert list(second[:3]) == [89.0, 99.0, 83.2]
    assert math.isnan(second[3])
    assert set(VALUES) <= set(texts(figure))
    assert legend_names(figure) == list(NAMES.values())


def test_runs_are_told_apart_without_colour():
    figure = radar(panel(), NAMES)
    assert len({(line.get_linestyle(), line.get_marker()) for line in figure.axes[0].lines}) == 2
    (axis,) = bars(panel(), NAMES).axes
    assert len({bar.get_hatch() for bar in axis.patches if bar.get_height()}) == 2
    assert len(set(MARKERS)) == len(MARKERS)
    assert len(set(HATCHES)) == len(HATCHES)
    assert len(set(LINES)) == len(LINES)
