"""Published scores (`results/published.yaml`), and which of several sources stands in a column.

The comment at the head of the YAML file explains its keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from emma_eval.errors import UserError
from emma_eval.utils.files import package_data
from emma_eval.utils.records import Record
from emma_eval.utils.validation import first_validation_error
from emma_eval.utils.yaml_io import read_yaml

TableKey = Literal["general", "mllm", "hallucination"]


class PaperMetric(Record):
    """A metric of a task that may stand in a column of the paper's table, by whatever protocol."""

    benchmark: str
    split: str
    name: str
    group: str = ""
    category: str = ""


class MetricSelector(PaperMetric):
    """A metric of a task that may stand in a published column of the strict view."""

    protocol: str = "official"
    n: int | None = None  # only if computed over so many questions; for benchmarks of several releases
    judge: str = ""  # only if judged by the model that its server names so


class PublishedColumn(Record):
    """One benchmark, one split, one metric."""

    table: TableKey
    benchmark: str
    split: str
    metric: str
    unit: Literal["percent", "points", "cider"]
    splits: tuple[str, ...]
    metrics: tuple[str, ...]
    higher_is_better: bool = True
    measured: tuple[MetricSelector, ...] = ()

    def holds(self, score: PublishedScore) -> bool:
        """Whether the score is of this benchmark, split and metric."""
        return score.benchmark == self.benchmark and score.split in self.splits and score.metric in self.metrics


class PublishedScore(Record):
    """One number from one source, in the source's words."""

    model: str
    benchmark: str
    split: str
    metric: str
    value: float
    unit: str
    source: str
    where: str
    reported_by: str
    note: str = ""


class RemarkScope(Record):
    """The scores that a remark concerns: those whose value is in every list that is not empty."""

    model: tuple[str, ...] = ()
    benchmark: tuple[str, ...] = ()
    source: tuple[str, ...] = ()

    def matches(self, score: PublishedScore) -> bool:
        """Whether the remark concerns this score."""
        pairs = ((self.model, score.model), (self.benchmark, score.benchmark), (self.source, score.source))
        return all(not wanted or value in wanted for wanted, value in pairs)


class Remark(Record):
    """A doubt about published numbers."""

    item: str
    reason: str
    about: tuple[RemarkScope, ...]


class PublishedModel(Record):
    """A model's facts. The leaderboard uses `id` and `name`; further keys are for readers of the file."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str


class PaperColumn(Record):
    """One benchmark of the paper's table; splits and protocols may differ within it, and notes say so."""

    table: TableKey
    head: tuple[str, ...]
    metric: str
    benchmark: str
    takes: tuple[tuple[str, str], ...]  # (split, metric) of published columns
    measured: tuple[PaperMetric, ...] = ()

    @property
    def title(self) -> str:
        """The head in one line."""
        return " ".join(self.head).replace("- ", "")


class Fact(Record):
    """What an optional column says of a model, and its note."""

    text: str = ""
    note: str


class PaperRow(Record):
    """A model of the paper's table, and how a measured one is recognised as the same."""

    id: str
    name: str
    only_matched: bool = False
    also: tuple[str, ...] = ()
    family: str = ""
    checkpoints: tuple[str, ...] = ()
    parameters: int | None = None
    params: Fact
    data: Fact
    adaptation: Fact


class Paper(Record):
    """The paper's table."""

    prefer: tuple[str, ...]
    rows: tuple[PaperRow, ...]
    columns: tuple[PaperColumn, ...]


@dataclass(frozen=True, slots=True)
class ChosenScore:
    """The score that stands in a cell, and those of other sources that disagree with it."""

    score: PublishedScore
    disagreeing: tuple[PublishedScore, ...]


class Published(Record):
    """The whole file."""

    about: str
    collected: str
    rows: tuple[str, ...]
    columns: tuple[PublishedColumn, ...]
    reported_by_values: tuple[str, ...]
    sources: dict[str, str]
    models: tuple[PublishedModel, ...]
    scores: tuple[PublishedScore, ...]
    remarks: tuple[Remark, ...] = ()
    missing: tuple[str, ...] = Field(default=())
    paper: Paper

    def choose(self, model: str, column: PublishedColumn) -> ChosenScore | None:
        """The model's score for a column, by the order of `reported_by_values`, then of the column's splits."""
        found = sorted(
            (score for score in self.scores if score.model == model and column.holds(score)),
            key=lambda score: (self.reported_by_values.index(score.reported_by), column.splits.index(score.split)),
        )
        if not found:
            return None
        best, *rest = found
        return ChosenScore(best, tuple(score for score in rest if score.value != best.value))

    def choose_for_paper(self, row: PaperRow, column: PaperColumn) -> ChosenScore | None:
        """The row's score for a column of the paper's table: of the row's own entry first, then by `prefer`."""
        found = [
            (models.index(score.model), self.paper.prefer.index(score.reported_by), position, score)
            for models in [(row.id, *row.also)]
            for position, taken in enumerate(self.taken_by(column))
            for score in self.scores
            if score.model in models and taken.holds(score)
        ]
        if not found:
            return None
        # stable: within one source, the earlier column, then the earlier split of it
        best, *rest = [score for *_, score in sorted(found, key=lambda one: one[:3])]
        return ChosenScore(best, tuple(score for score in rest if score.value != best.value))

    def taken_by(self, column: PaperColumn) -> list[PublishedColumn]:
        """The published columns that a column of the paper's table takes its values from."""
        return [
            one
            for split, metric in column.takes
            for one in self.columns
            if (one.benchmark, one.split, one.metric) == (column.benchmark, split, metric)
        ]

    def column_of(self, score: PublishedScore) -> PublishedColumn | None:
        """The published column in which a score stands."""
        return next((column for column in self.columns if column.holds(score)), None)

    def remarks_on(self, score: PublishedScore) -> tuple[Remark, ...]:
        """The doubts that concern a score."""
        return tuple(remark for remark in self.remarks if any(scope.matches(score) for scope in remark.about))

    def name_of(self, model: str) -> str:
        """A model's name in tables."""
        return next(entry.name for entry in self.models if entry.id == model)


@cache
def load_published(path: Path | None = None) -> Published:
    """Read and validate the file, the shipped one by default. Raises UserError naming file and key."""
    path = path or package_data("results/published.yaml")
    try:
        return Published.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_validation_error(error)}") from None
