"""`scores.json`: what a run scored, typed and versioned. Written by a run, read by the leaderboard.

It holds no time, machine or path, so that two runs of one model on one task agree to the byte; those facts are in
`manifest.json`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import Field

from emma_eval.errors import UserError
from emma_eval.record import Record, read_json_record
from emma_eval.types import Better, Metric, SampleScore, Scores, Unit

SCHEMA_VERSION = 1
SCORES_FILE = "scores.json"
COPIED = ("name", "value", "n", "unit", "group", "category", "better")


class Interval(Record):
    """Where the metric would lie with other questions of the same kind, in the metric's unit."""

    low: float
    high: float


class MetricRecord(Record):
    """One number, as `types.Metric` has it, and its 95% interval where there is one (see `stats.bootstrap`)."""

    name: str
    value: float
    n: int
    unit: Unit
    group: str = ""
    category: str = ""
    better: Better = "higher"
    interval: Interval | None = None
    no_interval: str = Field(default="", description="why there is none")

    @classmethod
    def all_of(cls, scores: Scores) -> tuple[MetricRecord, ...]:
        """The records of a scorer's metrics."""
        from emma_eval.stats.bootstrap import intervals

        return tuple(cls._of(*pair) for pair in zip(scores.metrics, intervals(scores), strict=True))

    @classmethod
    def _of(cls, metric: Metric, bounds: tuple[float, float] | str) -> MetricRecord:
        own = {name: getattr(metric, name) for name in COPIED}
        if isinstance(bounds, str):
            return cls(**own, no_interval=bounds)
        return cls(**own, interval=Interval(low=bounds[0], high=bounds[1]))


class Counts(Record):
    """How the task's samples fared; a failed or missing one counts as wrong in every metric."""

    samples: int
    answered: int
    failed: int
    missing: int

    @classmethod
    def of(cls, samples: tuple[SampleScore, ...]) -> Counts:
        """Count the statuses."""
        by_status = Counter(sample.status for sample in samples)
        return cls(
            samples=len(samples),
            answered=by_status["answered"],
            failed=by_status["failed"],
            missing=by_status["missing"],
        )


class FailedSample(Record):
    """A sample without an answer, and why."""

    id: str
    round: int
    reason: str


class BaselineRecord(Record):
    """The best constant answer, and whether the model beats it by more than chance (see `reports.baseline`)."""

    answer: str
    credit: float = Field(description="mean credit per sample of the constant answer, 0 to 1")
    better: int = Field(description="samples on which the model earned more than the constant answer")
    worse: int = Field(description="samples on which it earned less")
    p_value: float = Field(description="exact one-sided sign test of better against worse")


class TaskScores(Record):
    """One task's scores, with all that decides what they may be compared with."""

    name: str = Field(description="the task file's name")
    title: str
    benchmark: str
    split: str
    protocol: str = Field(description="the named way of scoring")
    release: str = Field(default="", description="the official release of the data, where several ask differently")
    wording: str = Field(default="", description="the model family in whose wording it was asked, of several")
    metric: str = Field(description="the task's primary metric")
    complete: bool = Field(description="False under --limit or --allow-partial: not comparable with anything else")
    mini: bool = Field(default=False, description="a task of the shipped suite, never set beside published values")
    counts: Counts
    credit: float = Field(description="mean credit per sample, 0 to 1")
    metrics: tuple[MetricRecord, ...]
    notes: tuple[str, ...] = ()
    failed: tuple[FailedSample, ...] = ()
    baseline: BaselineRecord | None = None

    def find(self, name: str, group: str = "", category: str = "") -> MetricRecord | None:
        """The metric of that name and breakdown, if the scorer gave one."""
        wanted = (name, group, category)
        return next((m for m in self.metrics if (m.name, m.group, m.category) == wanted), None)


class ModelRecord(Record):
    """Which model was asked."""

    name: str = Field(description="its name in tables")
    weights: str = Field(description="fingerprint of its weights and configuration")
    dtype: str


class ScoresFile(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: ModelRecord
    tasks: tuple[TaskScores, ...]


def read_scores(run: Path) -> ScoresFile:
    """The scores of a run folder (or of the file itself). Raises UserError if there are none or they can't be read."""
    path = run / SCORES_FILE if run.is_dir() else run
    if not path.exists():
        unfinished = (run / "manifest.json").exists()
        raise UserError(
            f"{run} has no scores yet: the run is not finished; the command that started it goes on where it stopped"
            if unfinished
            else f"{run} is not a run folder: it has no {SCORES_FILE}"
        )
    return read_json_record(path, ScoresFile, "score again: the command that made the run asks nothing twice")
