"""What a run found, a row a task: for the end of `run`, where the whole leaderboard would be too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emma_eval.reports.measured_value import MeasuredValue
from emma_eval.reports.model_matching import ModelMatch
from emma_eval.reports.model_rows import ModelRow
from emma_eval.reports.paper_columns import paper_key
from emma_eval.reports.paper_differences import difference, signed
from emma_eval.reports.published import Published
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.reports.tables import Cell, Heading, Table, TableRow, format_interval, format_value
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun, TaskScores

LEGEND = "* not known to be like for like: `leaderboard RUN --sources` says why"


def summary_table(
    runs: Sequence[ScoredRun], rows: Sequence[ModelRow], matches: Mapping[str, ModelMatch], published: Published
) -> Table:
    """Each task's primary metric with its interval; beside it published value and difference, or a constant answer."""
    names = labels([run.label_parts for run in runs])
    found = [
        _Line(name, run, task, _standing(run, task, rows))
        for name, run in zip(names, runs, strict=True)
        for task in run.scores.tasks
    ]
    lines = [line for line in found if line.primary]
    beside = {id(line): _beside(line, matches, published) for line in lines}
    matched = dict.fromkeys(name for name, *_ in filter(None, beside.values()))
    constant = any(line.task.baseline for line in lines)
    headings = [Heading(("metric",), None), Heading(("score",), None), Heading(("95% interval",), None)]
    headings += [Heading((head,), None) for head in (*matched, *(("difference",) if matched else ()))]
    headings += [Heading(("best constant",), None)] if constant else []
    table_rows = []
    for line in lines:
        pair = beside[id(line)]
        cells = [Cell(line.metric), Cell(line.score), Cell(line.interval)]
        cells += [pair[1] if pair and pair[0] == name else Cell() for name in matched]
        cells += [pair[2] if pair else Cell()] if matched else []
        cells += [Cell(line.constant)] if constant else []
        label = line.title if len(runs) == 1 else f"{line.name}, {line.title}"
        table_rows.append(TableRow(label, tuple(cells)))
    starred = any(cell.differs for row in table_rows for cell in row.cells)
    return Table(
        key="summary",
        title=names[0] if len(runs) == 1 else "",
        corner="Task",
        headings=tuple(headings),
        rows=tuple(table_rows),
        notes=(LEGEND,) if starred else (),
    )


class _Line:
    """A task of a run, in words."""

    def __init__(self, name: str, run: ScoredRun, task: TaskScores, standing: tuple[ModelRow, MeasuredValue] | None):
        self.name, self.run, self.task, self.standing = name, run, task, standing
        self.primary = task.find(task.metric)

    @property
    def title(self) -> str:
        own = "" if shipped_task(self.task.name) else f", task {self.task.name}"
        extent = "" if self.task.complete else f", {self.task.counts.samples:,} only"
        return f"{self.task.title}{own}{extent}"

    @property
    def metric(self) -> str:
        return self.task.metric.replace("_", " ")

    @property
    def score(self) -> str:
        return format_value(self.primary.value, self.primary.unit) if self.primary else ""

    @property
    def interval(self) -> str:
        bounds = self.primary and self.primary.interval
        return format_interval(bounds.low, bounds.high, self.primary.unit) if self.primary and bounds else ""

    @property
    def constant(self) -> str:
        return format_value(self.task.baseline.mean_score, "fraction") if self.task.baseline else ""


def _standing(run: ScoredRun, task: TaskScores, rows: Sequence[ModelRow]) -> tuple[ModelRow, MeasuredValue] | None:
    """The row and value of the task's primary metric in the paper's table."""
    primary = task.find(task.metric)
    for row in rows:
        for value in row.values.values():
            if value.run is run and value.task is task and value.metric is primary:
                return row, value
    return None


def _beside(line: _Line, matches: Mapping[str, ModelMatch], published: Published) -> tuple[str, Cell, Cell] | None:
    """(name, published value, difference) of the model that the line's is."""
    if line.standing is None:
        return None
    row, value = line.standing
    same = matches[row.label].row
    column = next((one for one in published.paper.columns if paper_key(one) == value.column), None)
    chosen = published.choose_for_paper(same, column) if same and column else None
    if same is None or column is None or chosen is None:
        return None
    found = difference(value, chosen, same, column, published)
    published_cell = Cell(format_value(chosen.score.value, chosen.score.unit))
    return same.name, published_cell, Cell(signed(found.value), differs=bool(found.reasons))
