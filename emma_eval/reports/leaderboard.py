"""The leaderboard: measured rows beside published ones, one table each for general, MLLM and hallucination benchmarks.

A column is one benchmark, one split and one metric; values that differ in any of them stand in different columns. A
numbered footnote gives the source and split of a published value, a lettered one a doubt about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.reports.comparability import template_notes
from emma_eval.reports.measured_value import ColumnKey, MeasuredValue, heading_of, key_of, measured_cell
from emma_eval.reports.mini_tables import mini_tables
from emma_eval.reports.model_rows import ModelRow, model_rows
from emma_eval.reports.published import ChosenScore, Published, PublishedScore
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.reports.tables import Cell, Footnotes, Table, TableRow, format_value, with_ranks
from emma_eval.results.scores import ScoredRun, TaskScores
from emma_eval.tasks.wording import wording_families
from emma_eval.utils.text import pluralize

TITLES = {
    "general": "General benchmarks",
    "mllm": "MLLM benchmarks",
    "hallucination": "Hallucination benchmarks",
    "other": "Other measured tasks",
}
MIN_PUBLISHED = 2  # published values that a column without a measured one must have to be shown

UNPROVEN = "that the questions are the benchmark's own is known by their number alone"

ChosenScores = dict[tuple[str, ColumnKey], ChosenScore]  # (published model, column) -> what stands there


class Leaderboard:
    """Runs placed among published scores, once for all views of them."""

    def __init__(self, runs: Sequence[ScoredRun], published: Published) -> None:
        self.runs = runs
        self._published = published
        self._rows = model_rows(runs, published)
        self._chosen = {
            (model, key_of(column)): score
            for model in published.rows
            for column in published.columns
            if (score := published.choose(model, column))
        }
        self._mini_tables = mini_tables(runs)

    def tables(self, *, measured_only: bool = False) -> list[Table]:
        """All tables with at least one row. With `measured_only`, only columns that hold a measured value."""
        builders = (_TableBuilder(key, self._rows, self._chosen, self._published, measured_only) for key in TITLES)
        return [table for builder in builders if (table := builder.table()).rows] + self._mini_tables


def leaderboard(runs: Sequence[ScoredRun], published: Published, *, measured_only: bool = False) -> list[Table]:
    """The tables of a leaderboard of which one view is enough."""
    return Leaderboard(runs, published).tables(measured_only=measured_only)


class _TableBuilder:
    """Builds one table: selects rows and columns, makes the cells, collects their footnotes."""

    def __init__(
        self, key: str, rows: list[ModelRow], chosen: ChosenScores, published: Published, measured_only: bool
    ) -> None:
        self.key = key
        self.published, self.measured_only = published, measured_only
        self.chosen = {(model, column): score for (model, column), score in chosen.items() if column.table == key}
        self.rows = [row for row in rows if any(column.table == key for column in row.values)]
        self.declared = {key_of(column): column for column in published.columns if column.table == key}
        self.sources = Footnotes()
        self.doubts = Footnotes(alphabetic=True)
        self.columns = self._columns()

    def _columns(self) -> list[ColumnKey]:
        """Declared columns with a measured value or enough published ones, then columns of measured values alone."""
        measured = dict.fromkeys(column for row in self.rows for column in row.values if column.table == self.key)
        needed = len(self.published.rows) + 1 if self.measured_only else MIN_PUBLISHED
        declared = [
            column
            for column in self.declared
            if column in measured or sum(of == column for _, of in self.chosen) >= needed
        ]
        return [*declared, *(column for column in measured if column not in self.declared)]

    def table(self) -> Table:
        """The table; without rows if nothing belongs in it."""
        headings = tuple(heading_of(column, self._higher_is_better(column)) for column in self.columns)
        rows = [
            TableRow(
                self.published.name_of(model), tuple(self._published_cell(model, column) for column in self.columns)
            )
            for model in self.published.rows
            if any((model, column) in self.chosen for column in self.columns)
        ]
        rows += [
            TableRow(row.label, tuple(self._measured_cell(row, column) for column in self.columns)) for row in self.rows
        ]
        return Table(
            key=self.key,
            title=TITLES[self.key],
            corner="Model",
            headings=headings,
            rows=with_ranks(headings, rows),
            footnotes=(*self.sources.listed(), *self.doubts.listed()),
            notes=self._notes(),
        )

    def _higher_is_better(self, column: ColumnKey) -> bool | None:
        """As declared; for a column of measured values alone, as the metric says."""
        if column in self.declared:
            return self.declared[column].higher_is_better
        return next(row.values[column].metric.higher_is_better for row in self.rows if column in row.values)

    def _published_cell(self, model: str, column: ColumnKey) -> Cell:
        chosen = self.chosen.get((model, column))
        if chosen is None:
            return Cell()
        score = chosen.score
        doubts = [f"{remark.item}: {remark.reason}" for remark in self.published.remarks_on(score)]
        source = cite(score, self.published, column.metric) + disagreement(chosen, self.published, column.metric)
        record = self._csv_record(column) | {
            "model": self.published.name_of(model),
            "kind": "published",
            "value": score.value,
            "unit": score.unit,
            "source": source,
            "remarks": " ".join(doubts),
        }
        footnotes = (self.sources.mark(source), *(self.doubts.mark(doubt) for doubt in doubts))
        return Cell(format_value(score.value, score.unit), score.value, footnotes, csv_record=record)

    def _measured_cell(self, row: ModelRow, column: ColumnKey) -> Cell:
        value = row.values.get(column)
        if value is None:
            return Cell()
        source = provenance(value) + (f"; run {value.run.folder.resolve().name}" if len(row.folders) > 1 else "")
        record = self._csv_record(column) | {"model": row.label, "kind": "measured", "source": source}
        return measured_cell(value.metric, (self.sources.mark(source),), record)

    def _csv_record(self, column: ColumnKey) -> dict[str, object]:
        return {"table": self.key, "benchmark": column.benchmark, "split": column.split, "metric": column.metric}

    def _notes(self) -> tuple[str, ...]:
        """Templates, and the published values in no column: with `measured_only` their number, else each of them."""
        asked = template_notes(
            (row.label, value.task.setup.template) for row in self.rows for value in row.values.values()
        )
        hidden = {at: chosen for at, chosen in self.chosen.items() if at[1] not in self.columns}
        if self.measured_only:
            values = pluralize(len(hidden), "published value")
            return (*asked, *([f"Columns without a measured value, with {values}, are left out."] if hidden else ()))
        return asked + tuple(
            f"Published, with nothing to compare it with: {self.published.name_of(model)}: {column.benchmark}, "
            f"{column.split}, {column.metric} {format_value(chosen.score.value, chosen.score.unit)} "
            f"({cite(chosen.score, self.published, column.metric)})."
            for (model, column), chosen in hidden.items()
        )


def cite(score: PublishedScore, published: Published, metric: str) -> str:
    """The source, the place in it, its own word for the split, its word for the metric if another, and its note."""
    named = f"; metric: {score.metric}" if score.metric != metric else ""
    note = f"; {score.note}" if score.note else ""
    return f"{published.sources[score.source]}, {score.where}; split: {score.split}{named}{note}"


def disagreement(chosen: ChosenScore, published: Published, metric: str) -> str:
    """The values of other sources, where they differ."""
    others = [f"{score.value:g} in {cite(score, published, metric)}" for score in chosen.disagreeing]
    return f" [elsewhere {'; '.join(others)}]" if others else ""


def provenance(value: MeasuredValue) -> str:
    """Task, protocol and number of questions of a measured value, and why it stands in its column."""
    reason = f"set apart: {value.not_comparable}" if value.not_comparable else UNPROVEN
    fast = "; images resized by --fast-preprocess" if value.run.scores.model.fast_preprocess else ""
    task = value.task
    protocol = task.judge.label if task.judge else f"protocol {task.protocol}"
    asked = f"{protocol}{wording_remark(task)}, {sample_counts(task)}"
    return f"measured: task {task.name}, {asked}{fast}; {reason}"


def wording_remark(task: TaskScores) -> str:
    """Whose wording the task was asked in, of several; and whether it is not its authors'."""
    if not task.wording:
        return ""
    shipped = shipped_task(task.name)
    families = wording_families(shipped, task.wording) if shipped else (task.wording,)
    own = "" if task.wording_is_published else " (chosen here, its authors published none)"
    return f", wording {' and '.join(families)}{own}"


def sample_counts(task: TaskScores) -> str:
    """'300 questions', with the failed and missing ones where there are any."""
    counts = task.counts
    wrong = [f"{n} {status}" for n, status in ((counts.failed, "failed"), (counts.missing, "missing")) if n]
    text = pluralize(counts.samples, "question") + (f" ({' and '.join(wrong)}, counted as wrong)" if wrong else "")
    return "; ".join([text, *(task.endings.remarks() if task.endings else ())])
