"""The shipped suite's own tables: its scores, and each task against the best constant answer.

The mini benchmarks share file formats, prompts and scorers with the real ones, not their difficulty: their numbers
never stand beside published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from emma_eval.reports.asking import Asking, askings, told_apart
from emma_eval.reports.measured import measured_cell, numbers
from emma_eval.reports.placing import shipped_task
from emma_eval.reports.tables import Cell, Footnotes, Heading, Row, Table, format_value, with_places
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun, TaskScores
from emma_eval.utils.text import pluralize

NOT_COMPARABLE = "A small world made for trying the program; these numbers compare with no published ones."


@dataclass(frozen=True, slots=True)
class _Suite:
    """The mini tasks of all runs, sorted by how they were asked: a column for each way."""

    names: tuple[str, ...]  # of the runs that have some
    tasks: tuple[Mapping[Asking, TaskScores], ...]  # of each of them
    columns: Mapping[Asking, TaskScores]  # the first of each
    details: Mapping[Asking, str]  # what tells columns of one title apart

    def title(self, asking: Asking) -> tuple[str, ...]:
        """A task's title, and what else must be known of how it was asked."""
        return *_words(self.columns[asking].title, asking), *filter(None, [self.details[asking]])


def mini_tables(runs: Sequence[ScoredRun]) -> list[Table]:
    """The two tables, or none when no run holds a mini task."""
    names = labels([run.named for run in runs])
    found = [(name, task) for name, run in zip(names, runs, strict=True) for task in run.scores.tasks if task.mini]
    if not found:
        return []
    asked = askings([task for _, task in found])
    columns: dict[Asking, TaskScores] = {}
    of_runs: dict[str, dict[Asking, TaskScores]] = {}
    for asking, (name, task) in zip(asked, found, strict=True):
        of_runs.setdefault(name, {})[asking] = task
        if task.find(task.metric):
            columns.setdefault(asking, task)
    shown = {asking: _words(task.title, asking) for asking, task in columns.items()}
    suite = _Suite(tuple(of_runs), tuple(of_runs.values()), columns, told_apart(shown))
    return [_scores_table(suite), _baseline_table(suite)]


def _words(title: str, asking: Asking) -> tuple[str, ...]:
    protocol = "" if asking.protocol == "official" else f"protocol {asking.protocol}"
    own = f"task {asking.task}" if shipped_task(asking.task) is None else ""
    return title, *filter(None, (own, protocol, asking.extent))


def _scores_table(suite: _Suite) -> Table:
    headings = tuple(
        Heading((title, task.metric.replace("_", " "), *more), _higher_is_better(task))
        for asking, task in suite.columns.items()
        for title, *more in (suite.title(asking),)
    )
    footnotes = Footnotes()
    records: list[dict[str, object]] = []
    rows = []
    for name, tasks in zip(suite.names, suite.tasks, strict=True):
        cells = []
        for asking in suite.columns:
            task = tasks.get(asking)
            metric = task.find(task.metric) if task else None
            if task is None or metric is None:
                cells.append(Cell())
                continue
            wrong = task.counts.failed + task.counts.missing
            remarks = list(task.endings.remarks()) if task.endings else []
            if wrong:
                asked = pluralize(task.counts.samples, "question")
                remarks.insert(0, f"{wrong:,} of {asked} without an answer, counted as wrong")
            cells.append(measured_cell(metric, tuple(map(footnotes.mark, remarks))))
            records.append(_record(name, suite, asking, task.metric) | numbers(metric))
        rows.append(Row(name, tuple(cells)))
    return Table(
        key="mini",
        title="Mini suite",
        corner="Model (measured)",
        headings=headings,
        rows=with_places(headings, rows),
        footnotes=footnotes.listed(),
        notes=(NOT_COMPARABLE,),
        records=tuple(records),
    )


def _baseline_table(suite: _Suite) -> Table:
    per_model = [
        heading
        for name in suite.names
        for heading in (Heading((name, "accuracy"), None), Heading(("p", "better:worse"), None))
    ]
    headings = (
        Heading(("questions",), None),
        Heading(("best", "constant", "answer"), None),
        Heading(("its", "accuracy"), None),
        *per_model,
    )
    rows = []
    records: list[dict[str, object]] = []
    for asking, first in suite.columns.items():
        constant = first.baseline
        cells = [
            Cell(str(first.counts.samples)),
            Cell(constant.answer if constant else ""),
            Cell(_percent(constant.credit) if constant else ""),
        ]
        for name, tasks in zip(suite.names, suite.tasks, strict=True):
            task = tasks.get(asking)
            cells += _against_constant(task)
            if task:
                credit = {"value": task.credit * 100, "unit": "percent"}
                records.append(_record(name, suite, asking, "mean credit") | credit)
        rows.append(Row(", ".join(suite.title(asking)), tuple(cells)))
    return Table(
        key="mini-baseline",
        title="Mini suite against the best constant answer",
        corner="Task",
        headings=headings,
        rows=(*rows, Row("Mean", tuple(_means(suite)))),
        notes=(
            "Accuracy is the mean credit per question under the task's own scorer. The constant answer is the one that "
            "earns most when given to every question. p is the exact one-sided sign test over the questions on which "
            "model and constant answer earn different credit.",
        ),
        records=tuple(records),
    )


def _means(suite: _Suite) -> list[Cell]:
    """Each run's mean over the tasks; none for a run that was not asked all of them as the others were."""
    cells = [Cell(), Cell(), Cell()]
    for tasks in suite.tasks:
        earned = [task.credit for asking in suite.columns if (task := tasks.get(asking))]
        cells += [Cell(_percent(fmean(earned)) if len(earned) == len(suite.columns) else ""), Cell()]
    return cells


def _against_constant(task: TaskScores | None) -> list[Cell]:
    if task is None:
        return [Cell(), Cell()]
    baseline = task.baseline
    test = f"{baseline.p_value:.2g} ({baseline.better}:{baseline.worse})" if baseline else ""
    return [Cell(_percent(task.credit)), Cell(test)]


def _percent(fraction: float) -> str:
    return format_value(fraction, "fraction")


def _higher_is_better(task: TaskScores) -> bool | None:
    metric = task.find(task.metric)
    return metric.higher_is_better if metric else True


def _record(model: str, suite: _Suite, asking: Asking, metric: str) -> dict[str, object]:
    task = suite.columns[asking]
    return {
        "table": "mini",
        "model": model,
        "kind": "measured",
        "benchmark": task.benchmark,
        "split": task.split,
        "metric": ", ".join((metric, *suite.title(asking)[1:])),
        "source": f"task {task.name}, protocol {task.protocol}, {pluralize(task.counts.samples, 'question')}",
        "remarks": "",
        "place": "",
    }
