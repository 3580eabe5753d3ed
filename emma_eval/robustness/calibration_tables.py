"""Calibration for readers: a section a task, and rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emma_eval.reports.html.charts.dots import dot_plot
from emma_eval.reports.html.panels import PERCENT, Mark, Panel, PanelRow
from emma_eval.reports.sections import Section, SectionFigure
from emma_eval.reports.tables import format_interval, format_value
from emma_eval.robustness.calibration import Calibration, Estimate, ReliabilityBin
from emma_eval.robustness.choice_answers import words_of_tokens
from emma_eval.robustness.records import TaskCalibration
from emma_eval.utils.table_io import to_csv
from emma_eval.utils.terminal import Column

UNIT = "fraction"
COLUMNS = (Column("measure"), Column("value", right=True), Column("95% interval", right=True))
CSV_COLUMNS = ("task", "answers", "measure", "value", "low", "high")
METHOD = (
    "confidence: the probability of the preferred choice as the first token of the answer, among its choices; all "
    "numbers in percent. ECE: mean distance of accuracy and confidence in 15 bins; a calibrated model has one too, by "
    "chance. Selective accuracy: of the most confident half, 80%, 90% of the answers; AURC: mean share of errors over "
    "all such shares"
)


def measures(numbers: Calibration) -> Iterator[tuple[str, Estimate]]:
    """(name, estimate) of everything that has an interval."""
    yield "accuracy of the preferred choice", numbers.accuracy
    yield "mean confidence", numbers.confidence
    yield "ECE", numbers.ece
    yield "ECE, equal-mass bins", numbers.adaptive_ece
    yield "RMS calibration error, debiased", numbers.debiased_rms
    yield "Brier score", numbers.brier
    for share, estimate in numbers.selective_accuracy.items():
        yield f"selective accuracy at {share}", estimate
    yield "AURC", numbers.aurc


def calibration_section(task: str, one: TaskCalibration) -> Section:
    """A table, what it rests on, and the reliability diagram for the page."""
    numbers = one.numbers
    rows = tuple((name, _percent(estimate.value), _interval(estimate)) for name, estimate in measures(numbers))
    title = f"{task}: confidence of {numbers.answers:,} answers"
    return Section(title, COLUMNS, rows, tuple(_notes(one)), (reliability_chart(task, numbers),), level=3)


def reliability_chart(task: str, numbers: Calibration) -> SectionFigure:
    """Accuracy beside mean confidence, a row a bin."""
    panel = Panel("reliability", task, "accuracy", tuple(map(_panel_row, numbers.bins)), PERCENT)
    caption = "Accuracy, with its interval, and mean confidence (%) of answers of like confidence"
    return SectionFigure(caption, dot_plot(panel))


def calibration_csv(tasks: Mapping[str, TaskCalibration]) -> str:
    """A row a task and measure, numbers exact."""
    return to_csv((row for task, one in tasks.items() for row in _csv_rows(task, one.numbers)), CSV_COLUMNS)


def _csv_rows(task: str, numbers: Calibration) -> Iterator[dict[str, Any]]:
    for name, estimate in measures(numbers):
        low, high = estimate.interval or (None, None)
        row = {"task": task, "answers": numbers.answers, "measure": name, "value": estimate.value}
        yield row | {"low": low, "high": high}


def _notes(one: TaskCalibration) -> Iterator[str]:
    numbers = one.numbers
    chance = f"{_percent(numbers.ece_by_chance)} is the mean ECE of a calibrated model with these confidences"
    yield f"{chance}; so large a one or a larger has p = {numbers.p_calibrated:.2g}"
    yield (
        f"an answer begins with one of its choices with probability {_percent(one.mass)} on the mean, "
        f"{_percent(one.least_mass)} at least; the answers themselves score {_percent(one.answer_score)}"
    )
    yield f"tokens that count: {words_of_tokens(one.tokens)}"
    if one.failed:
        yield f"{one.failed:,} failed and are left out"
    for reason, count in one.left_out.items():
        yield f"{count:,} not asked: {reason}"


def _panel_row(one: ReliabilityBin) -> PanelRow:
    accuracy = Mark(
        run=0,
        name="accuracy",
        value=100 * one.accuracy,
        low=100 * one.interval[0],
        high=100 * one.interval[1],
        text=_percent(one.accuracy),
        interval=format_interval(*one.interval, UNIT),
    )
    mean = 100 * one.confidence
    confidence = Mark(1, "confidence", mean, mean, mean, _percent(one.confidence), "")
    label = f"{one.answers:,} answers of {100 * one.above:.0f} to {100 * one.up_to:.0f}"
    return PanelRow(label, (accuracy, confidence), one.answers)


def _percent(value: float) -> str:
    return format_value(value, UNIT)


def _interval(one: Estimate) -> str:
    return "" if one.interval is None else format_interval(*one.interval, UNIT)
