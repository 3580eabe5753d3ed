"""The leaderboard: measured rows beside published ones, one table each for general, MLLM and hallucination benchmarks.

A column is one benchmark, one split and one metric; what differs in any of them stands in another column. Each
published value carries a numbered footnote with its source and split, a lettered one where there is a doubt about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.reports.measured import ColumnKey, Value, heading_of, key_of, measured_cell, numbers
from emma_eval.reports.measured_rows import MeasuredRow, measured_rows
from emma_eval.reports.mini_tables import mini_tables
from emma_eval.reports.published import Pick, Published, Score
from emma_eval.reports.tables import Cell, Footnotes, Row, Table, format_value, with_places
from emma_eval.results.scores import ScoredRun, TaskScores
from emma_eval.utils.text import pluralize

TITLES = {
    "general": "General benchmarks",
    "mllm": "MLLM benchmarks",
    "hallucination": "Hallucination benchmarks",
    "other": "Other measured tasks",
}
MIN_PUBLISHED = 2  # a column that nobody measured is shown only where published values can be compared

UNPROVEN = "that the questions are the benchmark's own is known by their number alone"

Picks = dict[tuple[str, ColumnKey], Pick]  # (published model, column) -> what stands there


def leaderboard(runs: Sequence[ScoredRun], published: Published, *, measured_only: bool = False) -> list[Table]:
    """All tables that have something to show. With `measured_only`, only columns that hold a measured value."""
    rows = measured_rows(runs, published)
    picks = {
        (model, key_of(column)): pick
        for model in published.rows
        for column in published.columns
        if (pick := published.pick(model, column))
    }
    tables = [_Builder(key, rows, picks, published, measured_only).table() for key in TITLES]
    return [table for table in tables if table.rows] + mini_tables(runs)


class _Builder:
    """One table in the making: rows, columns, and the footnotes that its cells ask for."""

    def __init__(
        self, key: str, rows: list[MeasuredRow], picks: Picks, published: Published, measured_only: bool
    ) -> None:
        self.key = key
        self.published, self.measured_only = published, measured_only
        self.picks = {at: pick for at, pick in picks.items() if at[1].table == key}
        self.measured = [row for row in rows if any(column.table == key for column in row.values)]
        self.columns = {key_of(column): column for column in published.columns if column.table == key}
        self.sources = Footnotes()
        self.doubts = Footnotes(alphabetic=True)
        self.records: list[dict[str, object]] = []
        needed = len(published.rows) + 1 if measured_only else MIN_PUBLISHED
        taken = {column for row in self.measured for column in row.values if column.table == key}
        declared = [k for k in self.columns if k in taken or sum(at[1] == k for at in self.picks) >= needed]
        apart = [k for row in self.measured for k in row.values if k in taken and k not in self.columns]
        self.keys = [*declared, *dict.fromkeys(apart)]

    def table(self) -> Table:
        """The finished table; without rows if nothing belongs in it."""
        headings = tuple(heading_of(key, self._higher_is_better(key)) for key in self.keys)
        rows = [
            Row(self.published.name_of(model), tuple(self._published_cell(model, key) for key in self.keys))
            for model in self.published.rows
            if any((model, key) in self.picks for key in self.keys)
        ]
        rows += [Row(row.label, tuple(self._measured_cell(row, key) for key in self.keys)) for row in self.measured]
        placed = with_places(headings, rows)
        self._add_places(placed)
        return Table(
            key=self.key,
            title=TITLES[self.key],
            corner="Model",
            headings=headings,
            rows=placed,
            footnotes=(*self.sources.listed(), *self.doubts.listed()),
            notes=self._not_shown(),
            records=tuple(self.records),
        )

    def _higher_is_better(self, key: ColumnKey) -> bool | None:
        """As the declared column says, or the metric measured in a column of its own."""
        if key in self.columns:
            return self.columns[key].higher_is_better
        return next(row.values[key].metric.higher_is_better for row in self.measured if key in row.values)

    def _published_cell(self, model: str, key: ColumnKey) -> Cell:
        pick = self.picks.get((model, key))
        if pick is None:
            return Cell()
        score = pick.score
        doubts = [f"{remark.item}: {remark.reason}" for remark in self.published.remarks_on(score)]
        source = cite(score, self.published, key.metric) + disagreement(pick, self.published, key.metric)
        marks = (self.sources.mark(source), *(self.doubts.mark(doubt) for doubt in doubts))
        record = {"model": self.published.name_of(model), "kind": "published", "value": score.value, "unit": score.unit}
        self._record(key, record | {"source": source, "remarks": " ".join(doubts)})
        return Cell(format_value(score.value, score.unit), score.value, marks)

    def _measured_cell(self, row: MeasuredRow, key: ColumnKey) -> Cell:
        value = row.values.get(key)
        if value is None:
            return Cell()
        source = provenance(value) + (f"; run {value.run.folder.resolve().name}" if len(row.folders) > 1 else "")
        metric = value.metric
        self._record(key, {"model": row.label, "kind": "measured", "source": source} | numbers(metric))
        return measured_cell(metric, (self.sources.mark(source),))

    def _record(self, key: ColumnKey, value: dict[str, object]) -> None:
        where = {"table": self.key, "benchmark": key.benchmark, "split": key.split, "metric": key.metric}
        self.records.append(where | value)

    def _add_places(self, rows: Sequence[Row]) -> None:
        places = [cell.place for row in rows for cell in row.cells if cell.value is not None]
        for record, place in zip(self.records, places, strict=True):
            record["place"] = place or ""

    def _not_shown(self) -> tuple[str, ...]:
        """The published values that stand alone in their column, as words; where only measured columns are, a count."""
        if self.measured_only:
            hidden = sum(key not in self.keys for _, key in self.picks)
            told = f"Columns without a measured value, with {pluralize(hidden, 'published value')}, are left out."
            return (told,) if hidden else ()
        alone = [
            f"{self.published.name_of(model)}: {key.benchmark}, {key.split}, {key.metric} "
            f"{format_value(pick.score.value, pick.score.unit)} ({cite(pick.score, self.published, key.metric)})"
            for (model, key), pick in self.picks.items()
            if key not in self.keys
        ]
        return tuple(f"Published, with nothing to compare it with: {text}." for text in alone)


def cite(score: Score, published: Published, metric: str) -> str:
    """Source, place in it, split in its own words, the metric if named unlike the column's, and what else to know."""
    named = f"; metric: {score.metric}" if score.metric != metric else ""
    note = f"; {score.note}" if score.note else ""
    return f"{published.sources[score.source]}, {score.where}; split: {score.split}{named}{note}"


def disagreement(pick: Pick, published: Published, metric: str) -> str:
    """The values of other sources, where they differ."""
    others = [f"{score.value:g} in {cite(score, published, metric)}" for score in pick.others]
    return f" [elsewhere {'; '.join(others)}]" if others else ""


def provenance(value: Value) -> str:
    """How a measured number came about."""
    standing = f"set apart: {value.apart}" if value.apart else UNPROVEN
    fast = "; images resized by --fast-preprocess" if value.run.scores.model.fast_preprocess else ""
    what = f"task {value.task.name}, protocol {value.task.protocol}, {sample_counts(value.task)}"
    return f"measured: {what}{fast}; {standing}"


def sample_counts(task: TaskScores) -> str:
    """'300 questions', with the failed and missing ones where there are any."""
    counts = task.counts
    wrong = [f"{n} {word}" for n, word in ((counts.failed, "failed"), (counts.missing, "missing")) if n]
    text = pluralize(counts.samples, "question") + (f" ({' and '.join(wrong)}, counted as wrong)" if wrong else "")
    return "; ".join([text, *(task.endings.remarks() if task.endings else ())])
