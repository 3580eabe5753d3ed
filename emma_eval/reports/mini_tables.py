"""Tables of the shipped mini suite: its scores, and each task against the best constant answer.

The mini benchmarks have the file formats, prompts and scorers of the real ones but not their difficulty, so their
numbers never stand beside published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from emma_eval.reports.comparability import (
    ComparabilityKey,
    comparability_keys,
    distinguishing_details,
    template_notes,
)
from emma_eval.reports.measured_value import measured_cell
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.reports.tables import Cell, Footnotes, Heading, Table, TableRow, format_value, with_ranks
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun, TaskScores
from emma_eval.utils.text import pluralize

NOT_COMPARABLE = "A small world made for trying the program; these numbers compare with no published ones."


@dataclass(frozen=True, slots=True)
class _Suite:
    """The mini tasks of all runs. Each comparability key is a column."""

    names: tuple[str, ...]  # of the runs that have mini tasks
    tasks: tuple[Mapping[ComparabilityKey, TaskScores], ...]  # of each of these runs
    columns: Mapping[ComparabilityKey, TaskScores]  # the first task of each key
    details: Mapping[ComparabilityKey, str]  # what distinguishes columns of one title

    def title(self, key: ComparabilityKey) -> tuple[str, ...]:
        """A task's title, then protocol, extent and details where they are not the usual ones."""
        return *_title(self.columns[key].title, key), *filter(None, [self.details[key]])


def mini_tables(runs: Sequence[ScoredRun], footnotes: Footnotes | None = None) -> list[Table]:
    """The two tables, or none when no run holds a mini task. Marks are numbered on from `footnotes`."""
    names = labels([run.label_parts for run in runs])
    found = [(name, task) for name, run in zip(names, runs, strict=True) for task in run.scores.tasks if task.mini]
    if not found:
        return []
    keys = comparability_keys([task for _, task in found])
    columns: dict[ComparabilityKey, TaskScores] = {}
    of_runs: dict[str, dict[ComparabilityKey, TaskScores]] = {}
    for key, (name, task) in zip(keys, found, strict=True):
        of_runs.setdefault(name, {})[key] = task
        if task.find(task.metric):
            columns.setdefault(key, task)
    titles = {key: _title(task.title, key) for key, task in columns.items()}
    suite = _Suite(tuple(of_runs), tuple(of_runs.values()), columns, distinguishing_details(titles))
    return [_scores_table(suite, Footnotes() if footnotes is None else footnotes), _baseline_table(suite)]


def _title(title: str, key: ComparabilityKey) -> tuple[str, ...]:
    protocol = "" if key.protocol == "official" else f"protocol {key.protocol}"
    name = f"task {key.task}" if shipped_task(key.task) is None else ""
    return title, *filter(None, (name, protocol, key.extent))


def _scores_table(suite: _Suite, footnotes: Footnotes) -> Table:
    headings = tuple(
        Heading((title, task.metric.replace("_", " "), *more), _higher_is_better(task))
        for key, task in suite.columns.items()
        for title, *more in (suite.title(key),)
    )
    of_runs = zip(suite.names, suite.tasks, strict=True)
    asked = ((name, task.setup.template) for name, tasks in of_runs for task in tasks.values())
    rows = [
        TableRow(
            name, tuple(_score_cell(suite, name, key, tasks.get(key), footnotes) for key in suite.columns), "measured"
        )
        for name, tasks in zip(suite.names, suite.tasks, strict=True)
    ]
    return Table(
        key="mini",
        title="Mini suite",
        corner="Model (measured)",
        headings=headings,
        rows=with_ranks(headings, rows),
        footnotes=footnotes.used_by(rows),
        notes=(NOT_COMPARABLE, *template_notes(asked)),
    )


def _score_cell(suite: _Suite, name: str, key: ComparabilityKey, task: TaskScores | None, footnotes: Footnotes) -> Cell:
    metric = task.find(task.metric) if task else None
    if task is None or metric is None:
        return Cell()
    remarks = list(task.endings.remarks()) if task.endings else []
    if wrong := task.counts.without_answer:
        questions = pluralize(task.counts.samples, "question")
        remarks.insert(0, f"{wrong:,} of {questions} without an answer, counted as wrong")
    marks = tuple(footnotes.mark(remark) for remark in remarks)
    return measured_cell(metric, marks, _csv_record(name, suite, key, task.metric))


def _baseline_table(suite: _Suite) -> Table:
    per_model = [
        heading
        for name in suite.names
        for heading in (Heading((name, "accuracy"), None), Heading((name, "p (better:worse)"), None))
    ]
    headings = (
        Heading(("questions",), None),
        Heading(("best", "constant", "answer"), None),
        Heading(("its", "accuracy"), None),
        *per_model,
    )
    rows = []
    for key, first in suite.columns.items():
        constant = first.baseline
        cells = [
            Cell(str(first.counts.samples)),
            Cell(constant.answer if constant else ""),
            Cell(_percent(constant.mean_score) if constant else ""),
        ]
        for name, tasks in zip(suite.names, suite.tasks, strict=True):
            cells += _against_constant(tasks.get(key), _csv_record(name, suite, key, "mean score"))
        rows.append(TableRow(", ".join(suite.title(key)), tuple(cells)))
    return Table(
        key="mini-baseline",
        title="Mini suite against the best constant answer",
        corner="Task",
        headings=headings,
        rows=(*rows, TableRow("Mean", tuple(_means(suite)))),
        notes=(
            "Accuracy is the mean score over the questions, by the task's own scorer. The constant answer is the one "
            "with the highest mean score when given to every question. p is the exact one-sided sign test over the "
            "questions on which model and constant answer score differently.",
        ),
    )


def _means(suite: _Suite) -> list[Cell]:
    """Each run's mean over the tasks; empty for a run that lacks one of the columns."""
    cells = [Cell(), Cell(), Cell()]
    for tasks in suite.tasks:
        scores = [task.mean_score for key in suite.columns if (task := tasks.get(key))]
        cells += [Cell(_percent(fmean(scores)) if len(scores) == len(suite.columns) else ""), Cell()]
    return cells


def _against_constant(task: TaskScores | None, csv_record: dict[str, object]) -> list[Cell]:
    if task is None:
        return [Cell(), Cell()]
    baseline = task.baseline
    test = f"{baseline.p_value:.2g} ({baseline.better}:{baseline.worse})" if baseline else ""
    numbers = {"value": task.mean_score * 100, "unit": "percent"}
    return [Cell(_percent(task.mean_score), csv_record=csv_record | numbers), Cell(test)]


def _percent(fraction: float) -> str:
    return format_value(fraction, "fraction")


def _higher_is_better(task: TaskScores) -> bool | None:
    metric = task.find(task.metric)
    return metric.higher_is_better if metric else True


def _csv_record(model: str, suite: _Suite, key: ComparabilityKey, metric: str) -> dict[str, object]:
    task = suite.columns[key]
    return {
        "table": "mini",
        "model": model,
        "kind": "measured",
        "benchmark": task.benchmark,
        "split": task.split,
        "metric": ", ".join((metric, *suite.title(key)[1:])),
        "source": f"task {task.name}, protocol {task.protocol}, {pluralize(task.counts.samples, 'question')}",
        "remarks": "",
        "rank": "",
    }
