"""Whose row a measured value stands in: runs of one model and name share a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emma_eval.reports.measured import ColumnKey, Value
from emma_eval.reports.placing import values_of
from emma_eval.reports.published import Published
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun


@dataclass(slots=True)
class MeasuredRow:
    """One model's measured values, from one run or several."""

    run: ScoredRun  # the first of them
    label: str = ""
    folders: dict[Path, None] = field(default_factory=dict)
    values: dict[ColumnKey, Value] = field(default_factory=dict)

    def takes(self, run: ScoredRun, values: Sequence[Value]) -> bool:
        """Whether the run is of the same model and name, and measured something else."""
        ours, theirs = self.run.scores, run.scores
        same = (ours.model, ours.name) == (theirs.model, theirs.name)
        return same and self.values.keys().isdisjoint(value.column for value in values)

    def add(self, run: ScoredRun, values: Sequence[Value]) -> None:
        """Take up the run's values."""
        self.folders[run.folder] = None
        self.values |= {value.column: value for value in values}


def measured_rows(runs: Sequence[ScoredRun], published: Published) -> list[MeasuredRow]:
    """The rows of every model: runs of one model and name share a row unless they measured the same thing twice."""
    rows: list[MeasuredRow] = []
    for run, values in zip(runs, values_of(runs, published), strict=True):
        if not values:
            continue
        row = next((row for row in rows if row.takes(run, values)), None)
        if row is None:
            row = MeasuredRow(run)
            rows.append(row)
        row.add(run, values)
    named = [replace(row.run.named, places=tuple(row.folders)) for row in rows]
    for row, label in zip(rows, labels(named), strict=True):
        row.label = f"{label} (measured)"
    return rows
