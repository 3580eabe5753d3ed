"""`Run.compare`: the result of the command `compare` as frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.analysis.compare import TaskComparison, compare_runs, holm_over_tasks
from emma_eval.api import views
from emma_eval.api.frames import frame
from emma_eval.reports.comparability import template_notes
from emma_eval.reports.comparison import comparison_table, in_words, pair_record
from emma_eval.reports.tables import Table
from emma_eval.results.baseline import read_run_or_baseline
from emma_eval.results.run_labels import labels

if TYPE_CHECKING:
    import pandas as pd

METRIC_COLUMNS = (
    "task", "metric", "group", "category", "first", "second", "difference", "low", "high", "unit", "p", "test",
)  # fmt: skip
TABLE_COLUMNS = (
    "task", "metric", "first", "second", "difference", "low", "high", "unit", "p", "p_holm", "test", "won", "lost",
    "tied", "samples", "cluster_unit",
)  # fmt: skip
FLIP_COLUMNS = ("task", "id", "flip", "first_score", "second_score", "first_answer", "second_answer")


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two runs on the same samples, the second compared with the first. A positive difference: the second is higher."""

    names: tuple[str, str]
    tasks: tuple[TaskComparison, ...]
    p_holm: tuple[float, ...]  # of the primary metrics, corrected for the number of tasks
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row a task, of its primary metric: both values, difference, its 95% interval, p values, won and lost."""
        rows = [
            self._metric_row(one.task, one.metrics[0])
            | {"p_holm": p, "won": len(one.won), "lost": len(one.lost), "tied": one.ties}
            | {"samples": one.samples, "cluster_unit": one.cluster_unit}
            for one, p in zip(self.tasks, self.p_holm, strict=True)
        ]
        return frame(rows, TABLE_COLUMNS)

    @property
    def metrics(self) -> pd.DataFrame:
        """A row a metric, breakdowns included; their p values are not corrected."""
        return frame((self._metric_row(one.task, pair) for one in self.tasks for pair in one.metrics), METRIC_COLUMNS)

    @property
    def flips(self) -> pd.DataFrame:
        """A row for each sample that the runs score differently: `won` if the second scores it higher, else `lost`."""
        rows = [
            {
                "task": one.task,
                "id": flip.first.id,
                "flip": word,
                "first_score": flip.first.score,
                "second_score": flip.second.score,
                "first_answer": flip.first.parsed_answer,
                "second_answer": flip.second.parsed_answer,
            }
            for one in self.tasks
            for word, flips in (("won", one.won), ("lost", one.lost))
            for flip in flips
        ]
        return frame(rows, FLIP_COLUMNS)

    @property
    def sentence(self) -> str:
        """What was found, and how small a difference could have been, as the command `compare` says it."""
        return in_words(self.tasks, self.p_holm, self.names)

    @staticmethod
    def _metric_row(task: str, pair: Any) -> dict[str, Any]:
        record = pair_record(pair)
        return record | {"task": task, "metric": record["name"]}

    def _shown(self) -> tuple[Table, list[str], list[list[str]], list[str]]:
        table = comparison_table(self.tasks, self.p_holm, self.names)
        heads = [table.corner, *(" ".join(heading.lines) for heading in table.headings)]
        rows = [[row.label, *(" ".join(filter(None, (c.text, c.interval))) for c in row.cells)] for row in table.rows]
        return table, heads, rows, ["left", "left", *["right"] * (len(heads) - 2)]

    def __repr__(self) -> str:
        table, heads, rows, alignment = self._shown()
        return "\n".join([table.title, views.text_table(heads, rows, alignment), *table.notes, *self.notes])

    def _repr_html_(self) -> str:
        table, heads, rows, alignment = self._shown()
        notes = "".join(f"<p>{escape(note)}</p>" for note in (*table.notes, *self.notes))
        return f"<p>{escape(table.title)}</p>{views.html_table(heads, rows, alignment)}{notes}"


def compare(first: Path, second: Path, tasks: Sequence[str], *, intersect: bool) -> Comparison:
    """Compare two runs or baselines. Raises UserError as `compare_runs` does."""
    (first_label, ours), (second_label, theirs) = read_run_or_baseline(first), read_run_or_baseline(second)
    names = labels([first_label, second_label])
    comparisons = compare_runs(ours, theirs, tasks, intersect=intersect)
    asked = ((name, task.record.template) for name, of in zip(names, (ours, theirs), strict=True) for task in of)
    notes = [*template_notes(asked)]
    compared = {one.task for one in comparisons}
    if (alone := [task.task for task in (*ours, *theirs) if task.task not in compared]) and not tasks:
        notes.append(f"in one run only: {', '.join(alone)}")
    corrected = tuple(holm_over_tasks(comparisons))
    return Comparison((names[0], names[1]), tuple(comparisons), corrected, tuple(notes))
