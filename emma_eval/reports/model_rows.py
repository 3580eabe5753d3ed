"""The leaderboard's measured rows: runs of one model and name share a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emma_eval.reports.measured_value import ColumnKey, MeasuredValue
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun, TaskScores


@dataclass(slots=True)
class ModelRow:
    """One model's measured values, from one run or several."""

    run: ScoredRun  # the first of them
    label: str = ""
    name: str = ""  # the label without `(measured)`
    folders: dict[Path, None] = field(default_factory=dict)  # an ordered set
    values: dict[ColumnKey, MeasuredValue] = field(default_factory=dict)

    def with_tasks(self, keeps: Callable[[TaskScores], bool]) -> ModelRow:
        """The row with the values of these tasks alone."""
        return replace(self, values={column: value for column, value in self.values.items() if keeps(value.task)})

    def accepts(self, run: ScoredRun, values: Sequence[MeasuredValue]) -> bool:
        """Whether the run has the same model and name, and none of its values has a column that is taken."""
        ours, theirs = self.run.scores, run.scores
        same = (ours.model, ours.name) == (theirs.model, theirs.name)
        return same and self.values.keys().isdisjoint(value.column for value in values)

    def add(self, run: ScoredRun, values: Sequence[MeasuredValue]) -> None:
        """Add the run's values."""
        self.folders[run.folder] = None
        self.values |= {value.column: value for value in values}


def model_rows(runs: Sequence[ScoredRun], assigned: Sequence[Sequence[MeasuredValue]]) -> list[ModelRow]:
    """The rows of all models, labelled; `assigned` are each run's values.

    A run that measured a column of its model's row again has a row of its own.
    """
    rows: list[ModelRow] = []
    for run, values in zip(runs, assigned, strict=True):
        if not values:
            continue
        row = next((row for row in rows if row.accepts(run, values)), None)
        if row is None:
            row = ModelRow(run)
            rows.append(row)
        row.add(run, values)
    label_parts = [replace(row.run.label_parts, folders=tuple(row.folders)) for row in rows]
    for row, label in zip(rows, labels(label_parts), strict=True):
        row.label = f"{label} (measured)"
        row.name = label
    return rows
