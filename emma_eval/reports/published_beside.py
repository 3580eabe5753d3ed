"""The published values of the model that a run's is, metric by metric, for the end of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emma_eval.reports.model_matching import ModelMatch
from emma_eval.reports.model_rows import ModelRow
from emma_eval.reports.paper_columns import paper_key
from emma_eval.reports.paper_differences import difference, signed
from emma_eval.reports.published import Published
from emma_eval.reports.tables import format_published
from emma_eval.results.scores import MetricRecord

MetricKey = tuple[str, str, str, str]  # task, name, group, category


@dataclass(frozen=True, slots=True)
class PublishedBeside:
    """A published model's values of a run's metrics: (value, difference), the latter with a star if a note is on it."""

    name: str
    values: Mapping[MetricKey, tuple[str, str]]

    def of(self, task: str, metric: MetricRecord) -> tuple[str, str]:
        """Value and difference; empty texts if there is none."""
        return self.values.get(metric_key(task, metric), ("", ""))

    @property
    def starred(self) -> bool:
        """Whether any difference is not known to be of like with like."""
        return any(changed.endswith("*") for _, changed in self.values.values())


def metric_key(task: str, metric: MetricRecord) -> MetricKey:
    """What tells a run's metrics apart."""
    return task, metric.name, metric.group, metric.category


def published_beside(
    rows: Sequence[ModelRow], matches: Mapping[str, ModelMatch], published: Published
) -> PublishedBeside | None:
    """The values beside those of the rows; None if no row is of a published model."""
    same = next((match.row for row in rows if (match := matches[row.label]).row), None)
    if same is None:
        return None
    values: dict[MetricKey, tuple[str, str]] = {}
    for row in rows:
        for column in published.paper.columns:
            value, chosen = row.values.get(paper_key(column)), published.choose_for_paper(same, column)
            if value and chosen:
                found = difference(value, chosen, same, column, published)
                texts = format_published(chosen.score.value), signed(found.value)
                values[metric_key(value.task.name, value.metric)] = texts[0], texts[1] + ("*" if found.reasons else "")
    return PublishedBeside(same.name, values) if values else None
