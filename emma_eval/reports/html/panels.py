"""The plots as data: scores of runs with their intervals, overall, by category and over all tasks.

The page draws them as SVG (`charts`), `reports.figures` as PNG and SVG for papers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from emma_eval.errors import UserError
from emma_eval.reports.comparability import ComparabilityKey, comparability_keys, distinguishing_details
from emma_eval.reports.headline_metrics import interval_of
from emma_eval.reports.html.run_loader import FinishedRun
from emma_eval.reports.tables import as_percent, format_value
from emma_eval.results.sample_statistics import TaskStatistics
from emma_eval.results.scores import MetricRecord, TaskScores
from emma_eval.stats.bootstrap import full_range
from emma_eval.utils.text import pluralize

PERCENT = (0.0, 100.0)
IN_PERCENT = ("percent", "fraction")


@dataclass(frozen=True, slots=True)
class Mark:
    """One run's value, fractions as percent."""

    run: int
    name: str
    value: float
    low: float
    high: float  # both equal to the value if there is no interval
    text: str
    interval: str = ""


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A row of a plot: a run, a category or a task."""

    label: str
    marks: tuple[Mark, ...]
    questions: int = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot of one metric."""

    key: str
    title: str
    subtitle: str
    rows: tuple[PanelRow, ...]
    bounds: tuple[float, float] | None = None  # the metric's possible range
    axis: str = ""  # what stands along the axis, in words: `Accuracy (%)`


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Comparable scores of a task, with the indices of their runs."""

    task: TaskScores  # the first of them
    members: tuple[tuple[int, TaskScores], ...]
    details: str  # distinguishes groups of one task

    @property
    def title(self) -> str:
        """The task's title, with the details that distinguish it."""
        return ", ".join(filter(None, (self.task.title, self.details)))

    @property
    def subtitle(self) -> str:
        """Metric, split, and protocol and extent if they are not the usual ones."""
        return ", ".join(filter(None, (self.task.metric.replace("_", " "), self.task.split, *self.unusual)))

    @property
    def unusual(self) -> tuple[str, str]:
        """Protocol and extent; empty if they are the usual ones."""
        task = self.task
        protocol = "" if task.protocol == "official" else f"protocol {task.protocol}"
        protocol = task.judge.label if task.judge else protocol
        return protocol, "" if task.complete else f"{pluralize(task.counts.samples, 'question')} only"


ACRONYMS = {"f1": "F1", "cider": "CIDEr", "chair": "CHAIR", "img_accuracy": "IMG accuracy"}
UNITS = {"percent": " (%)", "fraction": " (%)", "points": " (points)"}


def axis_label(metric: MetricRecord, *more: str) -> str:
    """`Accuracy (%)`, with what is unusual behind it: a protocol, how few questions were asked."""
    words = ACRONYMS.get(metric.name) or metric.name.replace("_", " ").capitalize()
    return ", ".join([words + UNITS.get(metric.unit, ""), *filter(None, more)])


def comparable_groups(runs: Sequence[FinishedRun]) -> list[TaskGroup]:
    """The runs' tasks, grouped by comparability key, in the runs' order."""
    tasks = [(run_index, task) for run_index, run in enumerate(runs) for task in run.scores.tasks]
    groups: dict[ComparabilityKey, list[tuple[int, TaskScores]]] = {}
    for key, member in zip(comparability_keys([task for _, task in tasks]), tasks, strict=True):
        groups.setdefault(key, []).append(member)
    titles = {key: (members[0][1].title, key.protocol, key.extent) for key, members in groups.items()}
    details = distinguishing_details(titles)
    return [TaskGroup(members[0][1], tuple(members), details[key]) for key, members in groups.items()]


def score_panels(runs: Sequence[FinishedRun]) -> list[Panel]:
    """A panel for each task's primary metric, a row for each run. What is not comparable is in different panels."""
    panels = []
    for group in comparable_groups(runs):
        task = group.task
        rows = [
            PanelRow(runs[run_index].label, (_mark(runs, run_index, metric),), metric.n)
            for run_index, scores in group.members
            if (metric := scores.find(scores.metric))
        ]
        if primary := task.find(task.metric):
            bounds = PERCENT if primary.unit in IN_PERCENT else None
            axis = axis_label(primary, *group.unusual)
            panels.append(Panel(task.name, group.title, group.subtitle, tuple(rows), bounds, axis))
    return panels


def category_panels(runs: Sequence[FinishedRun]) -> dict[str, list[Panel]]:
    """Task title -> a panel for each breakdown with two or more categories, without duplicates."""
    by_title: dict[str, list[Panel]] = {}
    for group in comparable_groups(runs):
        for key in dict.fromkeys(metric.group for metric in group.task.metrics if metric.group):
            panel = _category_panel(runs, group, key)
            others = by_title.setdefault(group.title, [])
            if len(panel.rows) > 1 and all(panel.rows != other.rows for other in others):
                others.append(panel)
    return {title: panels for title, panels in by_title.items() if panels}


def overview(runs: Sequence[FinishedRun], ranges: Mapping[str, float]) -> Panel:
    """All runs on all tasks: primary metrics in percent of their full range, a row for each task."""
    rows, units = [], set()
    for group in comparable_groups(runs):
        marks = [
            _scaled(_mark(runs, run_index, metric), ranges[scores.name], metric.unit)
            for run_index, scores in group.members
            if scores.name in ranges and (metric := scores.find(scores.metric))
        ]
        if marks:
            rows.append(PanelRow(group.title, tuple(marks), group.task.counts.samples))
            units |= {metric.unit for metric in group.task.metrics if metric.name == group.task.metric}
    axis = "Score (%)" if units <= set(IN_PERCENT) else "Score (% of each metric's range)"
    return Panel("models", "All tasks", "percent of each metric's full range", tuple(rows), PERCENT, axis)


def profiles(runs: Sequence[FinishedRun], ranges: Mapping[str, float]) -> list[Panel]:
    """The overview once for each run, with the run's own mark first in each row."""
    whole = overview(runs, ranges)
    panels = []
    for run_index, run in enumerate(runs):
        own_first = [
            replace(row, marks=tuple(sorted(row.marks, key=lambda m: m.run != run_index))) for row in whole.rows
        ]
        rows = tuple(row for row in own_first if row.marks[0].run == run_index)
        panels.append(replace(whole, title=run.label, rows=rows))
    return panels


def full_ranges(statistics: Mapping[int, Sequence[TaskStatistics]]) -> dict[str, float]:
    """Task -> full range of its primary metric, which is in a run's statistics alone."""
    ranges = {}
    for task in (task for tasks in statistics.values() for task in tasks):
        with suppress(UserError):  # the scorer does not say what each sample adds
            ranges[task.task] = full_range(task.primary)
    return ranges


def _category_panel(runs: Sequence[FinishedRun], group: TaskGroup, key: str) -> Panel:
    """The panel of one breakdown: of the primary metric, or of the first that is no count."""
    task = group.task
    metrics = [metric for metric in task.metrics if metric.group == key and metric.unit != "count"]
    name = next((metric.name for metric in metrics if metric.name == task.metric), metrics[0].name if metrics else "")
    rows = []
    for metric in (metric for metric in metrics if metric.name == name):
        marks = [
            _mark(runs, run_index, own)
            for run_index, scores in group.members
            if (own := scores.find(name, key, metric.category))
        ]
        rows.append(PanelRow(metric.category, tuple(marks), metric.n))
    bounds = PERCENT if all(metric.unit in IN_PERCENT for metric in metrics) else None
    axis = next((axis_label(metric, *group.unusual) for metric in metrics if metric.name == name), "")
    return Panel(f"{task.name}-{key}", key.replace("_", " "), name.replace("_", " "), tuple(rows), bounds, axis)


def _mark(runs: Sequence[FinishedRun], run_index: int, metric: MetricRecord) -> Mark:
    value, unit, interval = as_percent(metric.value, metric.unit), metric.unit, metric.interval
    low, high = (interval.low, interval.high) if interval else (metric.value, metric.value)
    return Mark(
        run=run_index,
        name=runs[run_index].label,
        value=value,
        low=as_percent(low, unit),
        high=as_percent(high, unit),
        text=format_value(metric.value, unit),
        interval=interval_of(metric),
    )


def _scaled(mark: Mark, full: float, unit: str) -> Mark:
    """The mark in percent of the metric's full range; `full` is in the metric's own unit."""
    factor = 100 / as_percent(full, unit)
    return replace(mark, value=mark.value * factor, low=mark.low * factor, high=mark.high * factor)
