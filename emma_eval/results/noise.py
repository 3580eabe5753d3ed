"""A noise file: how many answers and scores change when a model is asked twice and only the arithmetic differs.

Another batch size or precision adds numbers in another order, so near ties between words are decided otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from emma_eval.results.scores import ModelRecord
from emma_eval.stats.proportion import share_interval
from emma_eval.utils.records import Record, read_record

SCHEMA_VERSION = 1
HOW_TO_MAKE = "a file that the command noise wrote is expected"


class AskedHow(Record):
    """How the model was asked one of the two times."""

    batch_size: int | str
    dtype: str | None = None  # of a server's model None
    device: str | None = None


class TaskNoise(Record):
    """Of one task, what differed between the two times."""

    task: str
    answers: PositiveInt = Field(description="requests; several for a sample of a circular task")
    changed_answers: NonNegativeInt = Field(description="of those, the ones with another text, or none")
    samples: PositiveInt
    changed_scores: NonNegativeInt = Field(description="of the samples, those with another score")

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.changed_answers > self.answers or self.changed_scores > self.samples:
            raise ValueError(f"task {self.task}: more has changed than there is")
        return self

    @property
    def answer_share(self) -> float:
        """The share of changed answers."""
        return self.changed_answers / self.answers

    @property
    def score_share(self) -> float:
        """The share of samples with another score."""
        return self.changed_scores / self.samples

    @property
    def answer_interval(self) -> tuple[float, float]:
        """The exact 95% interval of the share of changed answers, requests taken as independent."""
        return share_interval(self.changed_answers, self.answers)

    @property
    def score_interval(self) -> tuple[float, float]:
        """The exact 95% interval of the share of changed scores, samples taken as independent."""
        return share_interval(self.changed_scores, self.samples)


class Noise(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: ModelRecord
    first: AskedHow
    second: AskedHow
    tasks: tuple[TaskNoise, ...]

    @property
    def cause(self) -> str:
        """What differed: `batching`, `precision`, ..., as the subject of a sentence."""
        different = [
            word
            for word, key in (("batching", "batch_size"), ("precision", "dtype"), ("the device", "device"))
            if getattr(self.first, key) != getattr(self.second, key)
        ]
        return " and ".join(different) or "asking again"

    def of(self, task: str) -> TaskNoise | None:
        """What was found of a task; None if it was not asked."""
        return next((one for one in self.tasks if one.task == task), None)


def read_noise(path: Path) -> Noise:
    """The content of the file. Raises UserError if it is none."""
    return read_record(path, Noise, HOW_TO_MAKE)
