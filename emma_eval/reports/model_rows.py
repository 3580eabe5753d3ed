"""The leaderboard's measured rows: runs of one model and name share a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emma_eval.reports.column_assignment import assign_columns
from emma_eval.reports.measured_value import ColumnKey, MeasuredValue
from emma_eval.reports.published import Published
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun


@dataclass(slots=True)
class ModelRow:
    """One model's measured values, from one run or several."""

    run: ScoredRun  # the first of them
    label: str = ""
    folders: dict[Path, None] = field(default_factory=dict)  # an ordered set
    values: dict[ColumnKey, MeasuredValue] = field(default_factory=dict)

    def accepts(self, run: ScoredRun, values: Sequence[MeasuredValue]) -> bool:
        """Whether the run has the same model and name, and none of its values has a column that is taken."""
        ours, theirs = self.run.scores, run.scores
        same = (ours.model, ours.name) == (theirs.model, theirs.name)
        return same and self.values.keys().isdisjoint(value.column for value in values)

    def add(self, run: ScoredRun, values: Sequence[MeasuredValue]) -> None:
        """Add the run's values."""
        self.folders[run.folder] = None
        self.values |= {value.column: value for value in values}


def model_rows(runs: Sequence[ScoredRun], published: Published) -> list[ModelRow]:
    """The rows of all models, labelled. A run that measured a column of its model's row again has a row of its own."""
    rows: list[ModelRow] = []
    for run, values in zip(runs, assign_columns(runs, published), strict=True):
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
    return rows
