"""The published scores of `results/published.yaml`: typed, and which of several sources stands in a column.

The file's head explains its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emma_eval.errors import UserError
from emma_eval.utils.files import package_data
from emma_eval.utils.records import Record
from emma_eval.utils.text import first_validation_error
from emma_eval.utils.yaml_io import read_yaml

TableKey = Literal["general", "mllm", "hallucination"]


class Measured(Record):
    """A measured number that is the same thing as a column's published ones."""

    benchmark: str
    split: str
    name: str
    group: str = ""
    category: str = ""
    protocol: str = "official"
    n: int | None = None  # over so many questions alone, where releases of the data differ


class Column(Record):
    """One benchmark, one split, one metric."""

    table: TableKey
    benchmark: str
    split: str
    metric: str
    unit: Literal["percent", "points"]
    splits: tuple[str, ...]
    metrics: tuple[str, ...]
    higher_is_better: bool = True
    measured: tuple[Measured, ...] = ()


class Score(Record):
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


class About(Record):
    """Which scores a remark concerns: those that agree with every list given."""

    model: tuple[str, ...] = ()
    benchmark: tuple[str, ...] = ()
    source: tuple[str, ...] = ()

    def matches(self, score: Score) -> bool:
        """Whether the remark concerns this score."""
        pairs = ((self.model, score.model), (self.benchmark, score.benchmark), (self.source, score.source))
        return all(not wanted or value in wanted for wanted, value in pairs)


class Remark(Record):
    """A doubt about published numbers."""

    item: str
    reason: str
    about: tuple[About, ...]


class PublishedModel(BaseModel):
    """A model's facts; the leaderboard needs its name, the rest is for readers of the file."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Pick:
    """What stands in a cell: the preferred score, and those that disagree with it."""

    score: Score
    others: tuple[Score, ...]


class Published(Record):
    """The whole file."""

    about: str
    collected: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    reported_by_values: tuple[str, ...]
    sources: dict[str, str]
    models: tuple[PublishedModel, ...]
    scores: tuple[Score, ...]
    remarks: tuple[Remark, ...] = ()
    missing: tuple[str, ...] = Field(default=())

    def pick(self, model: str, column: Column) -> Pick | None:
        """The model's score for a column: its own paper's before any other's, then the column's order of splits."""
        found = sorted(
            (
                score
                for score in self.scores
                if score.model == model
                and score.benchmark == column.benchmark
                and score.split in column.splits
                and score.metric in column.metrics
            ),
            key=lambda score: (self.reported_by_values.index(score.reported_by), column.splits.index(score.split)),
        )
        if not found:
            return None
        best, *rest = found
        return Pick(best, tuple(score for score in rest if score.value != best.value))

    def remarks_on(self, score: Score) -> tuple[Remark, ...]:
        """The doubts that concern a score."""
        return tuple(remark for remark in self.remarks if any(about.matches(score) for about in remark.about))

    def name_of(self, model: str) -> str:
        """A model's name in tables."""
        return next(entry.name for entry in self.models if entry.id == model)


@cache
def load_published(path: Path | None = None) -> Published:
    """Read and validate the file, the shipped one by default. Raises UserError naming file and field."""
    path = path or package_data("results/published.yaml")
    try:
        return Published.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_validation_error(error)}") from None
