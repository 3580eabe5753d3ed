"""The JSON file that `score --json` writes: metrics, the score of each sample, and how they were computed."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from emma_eval.results.scores import Counts, MetricRecord
from emma_eval.types import SampleScore
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.records import Record

SCHEMA_VERSION = 1


class InputFile(Record):
    """An input file; a folder has no hash."""

    name: str
    sha256: str | None

    @classmethod
    def of(cls, path: Path) -> InputFile:
        """The file's name and SHA-256."""
        return cls(name=path.name, sha256=sha256_of_file(path) if path.is_file() else None)


class ScoreReport(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    task: str
    benchmark: str
    split: str
    metric: str = Field(description="the task's primary metric")
    protocol: str = Field(description="the named way of scoring")
    release: str = Field(default="", description="the official release of the data, where several ask differently")
    scorer: str
    options: dict[str, str] = Field(description="the scorer's options that the protocol sets")
    complete: bool = Field(description="False under --limit or --allow-partial: not comparable with anything else")
    predictions: InputFile
    data: dict[str, InputFile] = Field(description="data files by the task's file keys; empty if the hub gave the data")
    counts: Counts
    metrics: tuple[MetricRecord, ...]
    notes: tuple[str, ...]
    samples: tuple[SampleScore, ...] = Field(description="in the benchmark's order; scores are in [0, 1]")
