"""What the plots show, as data: scores of runs with their intervals, overall, by category and over all tasks.

The page draws them as SVG (`charts`), `reports.figures` as PNG and SVG for papers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from emma_eval.errors import UserError
from emma_eval.reports.comparability import ComparabilityKey, comparability_keys, distinguishing_details
from emma_eval.reports.html.run_loader import FinishedRun
from emma_eval.reports.tables import as_percent, format_interval, format_value
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
    high: float  # both equal to the value where there is no interval
    text: str
    interval: str = ""


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A line of a plot: a run, a category or a task."""

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
    bounds: tuple[float, float] | None = None  # what the metric can't leave


@dataclass(frozen=True, slots=True)
class Group:
    """A task's scores that may be compared, by the number of their run."""

    task: TaskScores  # the first of them
    members: tuple[tuple[int, TaskScores], ...]
    details: str  # how it was asked, where the runs hold the task more than once

    @property
    def title(self) -> str:
        """The task's title, with what tells it from other tasks or samples of that title."""
        return ", ".join(filter(None, (self.task.title, self.details)))

    @property
    def subtitle(self) -> str:
        """Metric, split, and what else must be known."""
        task = self.task
        protocol = "" if task.protocol == "official" else f"protocol {task.protocol}"
        extent = "" if task.complete else f"{pluralize(task.counts.samples, 'question')} only"
        return ", ".join(filter(None, (task.metric.replace("_", " "), task.split, protocol, extent)))


def comparable(runs: Sequence[FinishedRun]) -> list[Group]:
    """The runs' tasks, those together that were asked and scored alike, in the runs' order."""
    found = [(number, task) for number, run in enumerate(runs) for task in run.scores.tasks]
    groups: dict[ComparabilityKey, list[tuple[int, TaskScores]]] = {}
    for asking, one in zip(comparability_keys([task for _, task in found]), found, strict=True):
        groups.setdefault(asking, []).append(one)
    heads = {asking: (m[0][1].title, asking.protocol, asking.extent) for asking, m in groups.items()}
    details = distinguishing_details(heads)
    return [Group(members[0][1], tuple(members), details[asking]) for asking, members in groups.items()]


def score_panels(runs: Sequence[FinishedRun]) -> list[Panel]:
    """A panel for each task's primary metric, a row for each run. What may not be compared stands in two panels."""
    panels = []
    for group in comparable(runs):
        task = group.task
        rows = [
            PanelRow(runs[number].label, (_mark(runs, number, metric),), metric.n)
            for number, one in group.members
            if (metric := one.find(one.metric))
        ]
        if primary := task.find(task.metric):
            bounds = PERCENT if primary.unit in IN_PERCENT else None
            panels.append(Panel(task.name, group.title, group.subtitle, tuple(rows), bounds))
    return panels


def category_panels(runs: Sequence[FinishedRun]) -> dict[str, list[Panel]]:
    """By task title: a panel for each way to group its samples that tells something new, a row for each category."""
    found: dict[str, list[Panel]] = {}
    for group in comparable(runs):
        for key in dict.fromkeys(metric.group for metric in group.task.metrics if metric.group):
            panel = _category_panel(runs, group, key)
            others = found.setdefault(group.title, [])
            if len(panel.rows) > 1 and all(panel.rows != other.rows for other in others):
                others.append(panel)
    return {title: panels for title, panels in found.items() if panels}


def overview(runs: Sequence[FinishedRun], ranges: Mapping[str, float]) -> Panel:
    """All runs on all tasks: the primary metrics in percent of their full range, a row for each task."""
    rows = []
    for group in comparable(runs):
        marks = [
            _scaled(_mark(runs, number, metric), ranges[one.name], metric.unit)
            for number, one in group.members
            if one.name in ranges and (metric := one.find(one.metric))
        ]
        if marks:
            rows.append(PanelRow(group.title, tuple(marks), group.task.counts.samples))
    return Panel("models", "All tasks", "percent of each metric's full range", tuple(rows), PERCENT)


def profiles(runs: Sequence[FinishedRun], ranges: Mapping[str, float]) -> list[Panel]:
    """The overview once for each run, with the run's own mark first in each row."""
    whole = overview(runs, ranges)
    panels = []
    for number, run in enumerate(runs):
        own_first = [replace(row, marks=tuple(sorted(row.marks, key=lambda m: m.run != number))) for row in whole.rows]
        rows = tuple(row for row in own_first if row.marks[0].run == number)
        panels.append(replace(whole, title=run.label, rows=rows))
    return panels


def full_ranges(evidence: Mapping[int, Sequence[TaskStatistics]]) -> dict[str, float]:
    """By task: the full range of its primary metric, which only a run's evidence tells."""
    found = {}
    for task in (task for tasks in evidence.values() for task in tasks):
        with suppress(UserError):  # the scorer does not say what each sample adds
            found[task.task] = full_range(task.primary)
    return found


def _category_panel(runs: Sequence[FinishedRun], group: Group, key: str) -> Panel:
    """The group's primary metric, or the first that is no count."""
    task = group.task
    shown = [metric for metric in task.metrics if metric.group == key and metric.unit != "count"]
    name = next((metric.name for metric in shown if metric.name == task.metric), shown[0].name if shown else "")
    rows = []
    for metric in (one for one in shown if one.name == name):
        marks = [
            _mark(runs, number, found)
            for number, one in group.members
            if (found := one.find(name, key, metric.category))
        ]
        rows.append(PanelRow(metric.category, tuple(marks), metric.n))
    bounds = PERCENT if all(metric.unit in IN_PERCENT for metric in shown) else None
    return Panel(f"{task.name}-{key}", key.replace("_", " "), name.replace("_", " "), tuple(rows), bounds)


def _mark(runs: Sequence[FinishedRun], number: int, metric: MetricRecord) -> Mark:
    value, unit, between = as_percent(metric.value, metric.unit), metric.unit, metric.interval
    low, high = (between.low, between.high) if between else (metric.value, metric.value)
    return Mark(
        run=number,
        name=runs[number].label,
        value=value,
        low=as_percent(low, unit),
        high=as_percent(high, unit),
        text=format_value(metric.value, unit),
        interval=format_interval(low, high, unit) if between else "",
    )


def _scaled(mark: Mark, full: float, unit: str) -> Mark:
    """The mark in percent of the metric's full range; `full` is in the metric's own unit."""
    factor = 100 / as_percent(full, unit)
    return replace(mark, value=mark.value * factor, low=mark.low * factor, high=mark.high * factor)
