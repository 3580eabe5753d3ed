"""The plots: axes, histograms, and the content of the SVG."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.reports.html.charts.bars import profile
from emma_eval.reports.html.charts.dots import dot_plot
from emma_eval.reports.html.charts.histogram import in_seconds, length_histogram, time_histogram
from emma_eval.reports.html.charts.svg import Axis, nice_axis, shortened
from emma_eval.reports.html.panels import PERCENT, Mark, Panel, PanelRow

numbers = st.floats(-1e6, 1e6, allow_nan=False, allow_infinity=False)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_an_axis_holds_its_values_in_few_round_steps(values):
    axis = nice_axis(values, 8, 312)
    assert axis.low <= min(values)
    assert max(values) <= axis.high
    assert 2 <= len(axis.ticks) <= 8


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_an_axis_of_percent_stays_within_0_and_100(values):
    axis = nice_axis(values, 8, 312, PERCENT)
    assert axis.low >= -1e-9
    assert axis.high <= 100 + 1e-9


def test_an_axis_is_what_a_person_would_draw():
    assert nice_axis([85.5, 99.5], 0, 1, PERCENT).ticks == pytest.approx((80, 85, 90, 95, 100))
    assert nice_axis([632.8, 662.5], 0, 1).ticks == pytest.approx((630, 640, 650, 660, 670))
    assert Axis(0, 10, (0, 10), 20, 40).at(5) == 30


def test_a_dot_stands_at_its_value_between_the_ends_of_its_interval():
    marks = (Mark(0, "emma", 50.0, 40.0, 70.0, "50.0", "[40.0, 70.0]"), Mark(9, "llava", 45.0, 45.0, 45.0, "45.0"))
    svg = Xml.fromstring(dot_plot(Panel("t", "GQA", "accuracy", (PanelRow("x < y & z", marks, 1234),))))
    dots, whiskers = svg.findall(".//circle"), svg.findall(".//line[@class='whisker']")
    (x, left, right) = (float(v) for v in (dots[0].get("cx"), whiskers[0].get("x1"), whiskers[0].get("x2")))
    assert (x - left) / (right - left) == pytest.approx(1 / 3, abs=1e-3)  # 10 of 30
    assert whiskers[1].get("x1") == whiskers[1].get("x2")
    assert [group.get("class") for group in svg.findall("g")] == ["run-0 mark", "run-1 mark"]  # eight colours in turn
    assert "emma: 50.0 [40.0, 70.0] (1,234)" in [title.text for title in svg.findall(".//title")]
    assert "x < y & z" in [text.text for text in svg.findall("text")]


def test_no_gridline_runs_through_a_label():
    marks = (Mark(0, "emma", 50.0, 40.0, 70.0, "50.0", "[40.0, 70.0]"), Mark(1, "llava", 45.0, 45.0, 45.0, "45.0"))
    rows = tuple(PanelRow(name, marks, 10) for name in ("a", "b", "c"))
    for svg in (dot_plot(Panel("t", "GQA", "accuracy", rows)), profile(Panel("t", "emma", "", rows))):
        drawing = Xml.fromstring(svg)
        lines = [(float(line.get("y1")), float(line.get("y2"))) for line in drawing.findall("line[@class='grid']")]
        assert lines
        for text in drawing.findall("text"):
            baseline = float(text.get("y"))
            assert not [line for line in lines if line[0] < baseline and line[1] > baseline - 9], text.text


def bars(svg: str) -> list[str]:
    return [title.text for title in Xml.fromstring(svg).findall(".//title")]


def test_a_histogram_of_lengths_counts_whole_tokens():
    assert bars(length_histogram({0: [2, 2, 2, 5], 1: [3]}, "GQA")) == ["2: 75.0%", "5: 25.0%", "3: 100.0%"]
    assert bars(length_histogram({0: list(range(1, 101))}, "GQA"))[0] == "1 to 5: 5.0%"
    assert bars(length_histogram({0: [2, 2]}, "GQA")) == ["2: 100.0%"]


def test_a_histogram_of_times_is_logarithmic_and_takes_equal_times():
    told = bars(time_histogram({0: [0.001, 0.01, 1.0]}, "GQA"))
    assert [line.split(": ")[1] for line in told] == ["33.3%"] * 3
    assert bars(time_histogram({0: [0.0, 0.0]}, "GQA"))[0].endswith("100.0%")
    assert (in_seconds(0.0051), in_seconds(2.344)) == ("5.1 ms", "2.34 s")


def test_a_long_label_is_shortened():
    assert shortened("finegrained perception", 12) == "finegrained…"
    assert shortened("  two\nlines ", 12) == "two lines"
