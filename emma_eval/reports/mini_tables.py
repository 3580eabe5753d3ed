"""The shipped suite's own tables: its scores, and each task against the best constant answer.

The mini benchmarks share file formats, prompts and scorers with the real ones, not their difficulty: their numbers
never stand beside published ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from emma_eval.reports.measured import labels, measured_cell, numbers
from emma_eval.reports.scores_file import ScoresFile, TaskScores
from emma_eval.reports.tables import Cell, Footnotes, Heading, Row, Table, format_value, with_places
from emma_eval.text import counted

NOT_COMPARABLE = "A small world made for trying the program; these numbers compare with no published ones."


def mini_tables(runs: Sequence[ScoresFile]) -> list[Table]:
    """The two tables, or none when no run holds a mini task."""
    runs = [run for run in runs if any(task.mini for task in run.tasks)]
    if not runs:
        return []
    names = labels([run.model for run in runs])
    columns = {_column(task): task for run in runs for task in run.tasks if task.mini and task.find(task.metric)}
    return [_scores_table(runs, names, columns), _baseline_table(runs, names, columns)]


ColumnId = tuple[str, str, str]  # task, protocol, how much of it was asked


def _column(task: TaskScores) -> ColumnId:
    extent = "" if task.complete else f"{counted(task.counts.samples, 'question')} only"
    return task.name, "" if task.protocol == "official" else f"protocol {task.protocol}", extent


def _find(run: ScoresFile, column: ColumnId) -> TaskScores | None:
    return next((task for task in run.tasks if _column(task) == column), None)


def _scores_table(runs: Sequence[ScoresFile], names: list[str], columns: dict[ColumnId, TaskScores]) -> Table:
    headings = tuple(
        Heading((task.title, task.metric.replace("_", " "), *filter(None, column[1:])))
        for column, task in columns.items()
    )
    footnotes = Footnotes()
    records: list[dict[str, object]] = []
    rows = []
    for run, name in zip(runs, names, strict=True):
        cells = []
        for column in columns:
            task = _find(run, column)
            metric = task.find(task.metric) if task else None
            if task is None or metric is None:
                cells.append(Cell())
                continue
            wrong = task.counts.failed + task.counts.missing
            remarks = list(task.endings.remarks()) if task.endings else []
            if wrong:
                asked = counted(task.counts.samples, "question")
                remarks.insert(0, f"{wrong:,} of {asked} without an answer, counted as wrong")
            cells.append(measured_cell(metric, tuple(map(footnotes.mark, remarks))))
            records.append(_record(name, task, task.metric) | numbers(metric))
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


def _baseline_table(runs: Sequence[ScoresFile], names: list[str], columns: dict[ColumnId, TaskScores]) -> Table:
    per_model = [
        heading
        for name in names
        for heading in (Heading((name, "accuracy"), "unranked"), Heading(("p", "better:worse"), "unranked"))
    ]
    headings = (
        Heading(("questions",), "unranked"),
        Heading(("best", "constant", "answer"), "unranked"),
        Heading(("its", "accuracy"), "unranked"),
        *per_model,
    )
    rows = []
    records: list[dict[str, object]] = []
    for column, first in columns.items():
        constant = first.baseline
        cells = [
            Cell(str(first.counts.samples)),
            Cell(constant.answer if constant else ""),
            Cell(_percent(constant.credit) if constant else ""),
        ]
        for run, name in zip(runs, names, strict=True):
            task = _find(run, column)
            cells += _against_constant(task)
            if task:
                credit = {"value": task.credit * 100, "unit": "percent"}
                records.append(_record(name, task, "mean credit") | credit)
        rows.append(Row(first.title, tuple(cells)))
    means: list[Cell] = [Cell(), Cell(), Cell()]
    for run in runs:
        earned = [task.credit for column in columns if (task := _find(run, column))]
        means += [Cell(_percent(fmean(earned))), Cell()]
    return Table(
        key="mini-baseline",
        title="Mini suite against the best constant answer",
        corner="Task",
        headings=headings,
        rows=(*rows, Row("Mean", tuple(means))),
        notes=(
            "Accuracy is the mean credit per question under the task's own scorer. The constant answer is the one that "
            "earns most when given to every question. p is the exact one-sided sign test over the questions on which "
            "model and constant answer earn different credit.",
        ),
        records=tuple(records),
    )


def _against_constant(task: TaskScores | None) -> list[Cell]:
    if task is None:
        return [Cell(), Cell()]
    baseline = task.baseline
    test = f"{baseline.p_value:.2g} ({baseline.better}:{baseline.worse})" if baseline else ""
    return [Cell(_percent(task.credit)), Cell(test)]


def _percent(fraction: float) -> str:
    return format_value(fraction, "fraction")


def _record(model: str, task: TaskScores, metric: str) -> dict[str, object]:
    return {
        "table": "mini",
        "model": model,
        "kind": "measured",
        "benchmark": task.benchmark,
        "split": task.split,
        "metric": metric,
        "source": f"task {task.name}, protocol {task.protocol}, {counted(task.counts.samples, 'question')}",
        "remarks": "",
        "place": "",
    }
