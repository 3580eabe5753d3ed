"""`Run.compare`: the result of the command `compare` as frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.analysis.compare import TaskComparison, compare_runs, holm_over_tasks
from emma_eval.api.frames import frame
from emma_eval.api.views import html_table
from emma_eval.errors import UserError
from emma_eval.reports.comparability import template_notes
from emma_eval.reports.comparison import comparison_lines, comparison_table, in_words, pair_record, short_names
from emma_eval.results.baseline import read_run_or_baseline
from emma_eval.results.noise import Noise, read_noise
from emma_eval.results.run_labels import labels
from emma_eval.stats.paired import MetricComparison
from emma_eval.utils.terminal import Column, paragraph, terminal_width

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
    noise: Noise | None = None  # what another batching or precision changes by itself

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        return in_words(self.tasks, self.p_holm, short_names(self.names), self.noise)

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

    @staticmethod
    def _metric_row(task: str, pair: MetricComparison) -> dict[str, Any]:
        record = pair_record(pair)
        return record | {"task": task, "metric": record["name"]}

    def lines(self, width: int) -> list[str]:
        """What the command `compare` prints on a terminal of that width, but for its last sentence."""
        notes = [line for note in self.notes for line in paragraph(note, width, rest="    ")]
        return [*comparison_lines(self.tasks, self.p_holm, self.names, width), *notes]

    def __repr__(self) -> str:
        width = terminal_width()
        return "\n".join([*self.lines(width), *paragraph(self.sentence, width)])

    def _repr_html_(self) -> str:
        table = comparison_table(self.tasks, self.p_holm, self.names)
        columns = [Column(table.corner), Column("metric")]
        columns += [Column(" ".join(heading.lines), right=True) for heading in table.headings[1:]]
        rows = [[row.label, *(" ".join(filter(None, (c.text, c.interval))) for c in row.cells)] for row in table.rows]
        told = [*table.notes, self.sentence, *self.notes]
        notes = "".join(f"<p>{escape(note)}</p>" for note in told)
        return f"<p>{escape(table.title)}</p>{html_table(columns, rows)}{notes}"


def compare(
    first: Path, second: Path, tasks: Sequence[str], *, intersect: bool, noise: Path | None = None
) -> Comparison:
    """Compare two runs or baselines; `noise` is a file of the command `noise`. Raises UserError."""
    measured = read_noise(noise) if noise else None
    (first_label, ours), (second_label, theirs) = read_run_or_baseline(first), read_run_or_baseline(second)
    names = labels([first_label, second_label])
    comparisons = compare_runs(ours, theirs, tasks, intersect=intersect)
    asked = ((name, task.record.template) for name, of in zip(names, (ours, theirs), strict=True) for task in of)
    notes = [*template_notes(asked)]
    compared = {one.task for one in comparisons}
    if measured:
        if not any(measured.of(name) for name in compared):
            found = ", ".join(one.task for one in measured.tasks)
            raise UserError(f"--noise {noise}: it is of {found}, which are not compared")
        if measured.model.name not in (first_label.name, second_label.name):
            notes.append(f"--noise {noise} was measured on {measured.model.name}")
    if (alone := [task.task for task in (*ours, *theirs) if task.task not in compared]) and not tasks:
        notes.append(f"in one run only: {', '.join(alone)}")
    corrected = tuple(holm_over_tasks(comparisons))
    return Comparison((names[0], names[1]), tuple(comparisons), corrected, tuple(notes), measured)
