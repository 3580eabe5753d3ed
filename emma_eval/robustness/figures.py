"""The plots of a task's variants: difference to the original, and consistency."""

from __future__ import annotations

from collections.abc import Iterable

from emma_eval.reports.html.charts.dots import dot_plot
from emma_eval.reports.html.panels import PERCENT, Mark, Panel, PanelRow
from emma_eval.reports.sections import SectionFigure
from emma_eval.reports.tables import format_interval, format_value
from emma_eval.robustness.records import TaskRobustness

UNIT = "fraction"
Row = tuple[str, float, tuple[float, float] | None, int]  # name, value, interval, samples


def variant_figures(task: TaskRobustness) -> tuple[SectionFigure, ...]:
    """Nothing for a task of which no variant asks anything."""
    if not task.variants:
        return ()
    differences = _panel(
        "difference",
        task.task,
        ((one.variant, one.score.difference, one.score.interval, one.asked) for one in task.variants),
    )
    consistency = _panel(
        "consistency",
        task.task,
        ((one.variant, one.consistency.value, one.consistency.interval, one.asked) for one in task.variants),
        PERCENT,
    )
    return (
        SectionFigure("Score, difference to the original in points", dot_plot(differences)),
        SectionFigure("Consistent answers (%)", dot_plot(consistency)),
    )


def _panel(key: str, task: str, rows: Iterable[Row], bounds: tuple[float, float] | None = None) -> Panel:
    return Panel(key, task, key, tuple(_row(*row) for row in rows), bounds)


def _row(name: str, value: float, interval: tuple[float, float] | None, samples: int) -> PanelRow:
    low, high = interval or (value, value)
    mark = Mark(
        run=0,
        name=name,
        value=100 * value,
        low=100 * low,
        high=100 * high,
        text=format_value(value, UNIT),
        interval="" if interval is None else format_interval(low, high, UNIT),
    )
    return PanelRow(name, (mark,), samples)
