"""`scores.json`: what a run scored, typed and versioned. Written by a run, read by the leaderboard.

It holds no time, machine or path, so that two runs of one model on one task agree to the byte; those facts are in
`manifest.json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from emma_eval.errors import UserError
from emma_eval.results.run_labels import NamedRun
from emma_eval.types import Metric, SampleScore, Scores, Unit
from emma_eval.utils.records import Record, read_record
from emma_eval.utils.text import pluralize

SCHEMA_VERSION = 2
SCORES_FILE = "scores.json"
LARGEST = 1e12  # beyond any score: what is larger was not written by this program
Value = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=int(LARGEST))]
COPIED = ("name", "value", "n", "unit", "group", "category", "higher_is_better")


class Interval(Record):
    """Where the metric would lie with other questions of the same kind, in the metric's unit."""

    low: Value
    high: Value

    @model_validator(mode="after")
    def _is_one(self) -> Interval:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


class MetricRecord(Record):
    """One number, as `types.Metric` has it, and its 95% interval where there is one (see `stats.bootstrap`)."""

    name: str
    value: Value
    n: Count
    unit: Unit
    group: str = ""
    category: str = ""
    higher_is_better: bool | None = True
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

    samples: Count
    answered: Count
    failed: Count
    missing: Count

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


class Endings(Record):
    """Why the answers to the task's requests ended, and which tell that something is amiss."""

    stop: Count = Field(description="the model ended its answer")
    length: Count = Field(description="cut off at the most new tokens that the task allows")
    error: Count = Field(description="no answer: see `failed`")
    unknown: Count = Field(default=0, description="the model, or a record of before this was kept, does not say")
    empty: Count = Field(default=0, description="answers without a text")
    prompts_cut: Count = Field(default=0, description="prompts longer than the model reads, cut on the right")

    @property
    def answered(self) -> int:
        """How many requests have an answer."""
        return self.stop + self.length + self.unknown

    def remarks(self, most_tokens: int | None = None) -> tuple[str, ...]:
        """What a reader of the scores should know; `most_tokens` is where answers are cut off."""
        at = "" if most_tokens is None else f" at {pluralize(most_tokens, 'token')}"
        found = ((self.length, f"answers were cut off{at}"), (self.empty, "answers are empty"))
        remarks = [f"{number:,} of {self.answered:,} {what}" for number, what in found if number]
        asked = self.answered + self.error
        if self.prompts_cut:
            remarks.append(f"{self.prompts_cut:,} of {asked:,} prompts were cut: they are longer than the model reads")
        return tuple(remarks)


class FailedSample(Record):
    """A sample without an answer, and why."""

    renamed: ClassVar[Mapping[str, str]] = {"round": "pass_index"}

    id: str
    pass_index: int
    reason: str


class BaselineRecord(Record):
    """The best constant answer, and whether the model beats it by more than chance (see `reports.baseline`)."""

    answer: str
    credit: float = Field(description="mean credit per sample of the constant answer, 0 to 1")
    better: int = Field(description="samples on which the model earned more than the constant answer")
    worse: int = Field(description="samples on which it earned less")
    p_value: float = Field(description="exact one-sided sign test of better against worse")


class Asked(Record):
    """What was asked, and how: by these hashes two runs' numbers are known to be of the same questions, asked alike."""

    renamed: ClassVar[Mapping[str, str]] = {"truth": "reference_digest"}

    config: str = Field(description="SHA-256 over what the task file says about asking and scoring")
    reference_digest: str = Field(description="SHA-256 over sample ids and references")
    template: str = Field(description="the model's conversation template")
    wording: str = Field(default="", description="the family whose wording was asked for instead of the model's own")
    prompts: str = Field(description="SHA-256 over every prompt, instruction and answer length")


class TaskScores(Record):
    """One task's scores, with all that decides what they may be compared with."""

    name: str = Field(description="the task file's name", pattern=r"^[^/\\\x00]+$")
    title: str
    benchmark: str
    split: str
    protocol: str = Field(description="the named way of scoring")
    release: str = Field(default="", description="the official release of the data, where several ask differently")
    wording: str = Field(default="", description="the model family in whose wording it was asked, of several")
    metric: str = Field(description="the task's primary metric")
    complete: bool = Field(description="False under --limit or --allow-partial: not comparable with anything else")
    asked: Asked
    mini: bool = Field(default=False, description="a task of the shipped suite, never set beside published values")
    counts: Counts
    credit: float = Field(description="mean credit per sample, 0 to 1")
    metrics: tuple[MetricRecord, ...]
    notes: tuple[str, ...] = ()
    endings: Endings | None = Field(default=None, description="absent from files of before it was kept")
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
    fast_preprocess: bool = Field(default=False, description="images resized up to a grey level off the reference")


class ScoresFile(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: ModelRecord
    name: str = Field(default="", description="what --name calls the run in tables; empty: the model's name")
    tasks: tuple[TaskScores, ...]

    @model_validator(mode="after")
    def _tasks_are_different(self) -> ScoresFile:
        twice = [name for name, times in Counter(task.name for task in self.tasks).items() if times > 1]
        if twice:
            raise ValueError(f"the task {twice[0]} is there twice")
        return self


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A finished run: where it lies, and its scores."""

    folder: Path
    scores: ScoresFile

    @property
    def named(self) -> NamedRun:
        """What its label is made of."""
        return NamedRun(self.scores.name or self.scores.model.name, self.scores.model.dtype, (self.folder,))


def run_folder(path: Path) -> Path:
    """The run folder that is meant: the scores file in it will do."""
    return path.parent if path.name == SCORES_FILE else path


def read_runs(paths: Sequence[Path]) -> list[ScoredRun]:
    """The runs of these folders (or scores files), each once. Raises UserError as `read_scores` does."""
    given: dict[Path, ScoredRun] = {}
    for path in paths:
        scores = read_scores(path)
        folder = run_folder(path)
        given.setdefault(folder.resolve(), ScoredRun(folder, scores))
    return list(given.values())


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
    return read_record(path, ScoresFile, "score again: the command that made the run asks nothing twice")
