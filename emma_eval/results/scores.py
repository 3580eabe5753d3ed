"""`scores.json`: the scores of a run. A run writes it; leaderboard and reports read it.

It holds no time, machine or path (those are in `manifest.json`), so two runs of one model on one task are equal to the
byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from emma_eval.errors import UserError
from emma_eval.results.judged import JudgeRecord, judged_folders, require_same_answers
from emma_eval.results.manifest import MANIFEST_FILE, read_manifest
from emma_eval.results.run_labels import LabelParts
from emma_eval.types import Metric, SampleScore, Scores, Unit
from emma_eval.utils.neighbours import did_you_mean_folder
from emma_eval.utils.records import Record, read_record
from emma_eval.utils.text import pluralize

SCHEMA_VERSION = 2
SCORES_FILE = "scores.json"
LARGEST = 1e12  # no score is larger; a larger value is damage
Value = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=int(LARGEST))]


class Interval(Record):
    """A 95% interval, in the metric's unit: where the value would be for other questions of the same kind."""

    low: Value
    high: Value

    @model_validator(mode="after")
    def _is_ordered(self) -> Interval:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


class MetricFields(Record):
    """The fields of a `types.Metric` that every record of one has; subclasses add more of them and their own."""

    name: str
    value: Value
    n: Count
    unit: Unit
    group: str = ""
    category: str = ""
    higher_is_better: bool | None = True

    @model_validator(mode="before")
    @classmethod
    def _with_todays_direction(cls, content: Any) -> Any:
        """Records written before say `better`: higher, lower or unranked."""
        if not isinstance(content, dict) or "better" not in content:
            return content
        directions = {"higher": True, "lower": False, "unranked": None}
        rest = {key: value for key, value in content.items() if key != "better"}
        return rest | {"higher_is_better": directions.get(content["better"], content["better"])}

    @classmethod
    def values_of(cls, metric: Metric | MetricFields, without: Sequence[str] = ()) -> dict[str, Any]:
        """The values of the fields that record and `types.Metric` share, but for `ratios` and those in `without`."""
        shared = [field.name for field in fields(Metric) if field.name in cls.model_fields]
        return {name: getattr(metric, name) for name in shared if name not in ("ratios", *without)}


class MetricRecord(MetricFields):
    """A metric with its 95% interval where there is one (see `stats.bootstrap`)."""

    interval: Interval | None = None
    no_interval: str = Field(default="", description="why there is none")

    @classmethod
    def all_of(cls, scores: Scores) -> tuple[MetricRecord, ...]:
        """The records of a scorer's metrics."""
        from emma_eval.stats.bootstrap import intervals

        return tuple(cls._of(*pair) for pair in zip(scores.metrics, intervals(scores), strict=True))

    @classmethod
    def _of(cls, metric: Metric, bounds: tuple[float, float] | str) -> MetricRecord:
        values = cls.values_of(metric)
        if isinstance(bounds, str):
            return cls(**values, no_interval=bounds)
        return cls(**values, interval=Interval(low=bounds[0], high=bounds[1]))


class Counts(Record):
    """Samples of the task by status. A failed or missing one counts as wrong in every metric."""

    samples: Count
    answered: Count
    failed: Count
    missing: Count

    @property
    def without_answer(self) -> int:
        """Failed and missing ones."""
        return self.failed + self.missing

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
    """How many requests of the task ended for which reason, and how many have an unusual prompt or answer."""

    stop: Count = Field(description="the model ended its answer")
    length: Count = Field(description="cut off at the most new tokens that the task allows")
    error: Count = Field(description="no answer: see `failed`")
    unknown: Count = Field(default=0, description="not known, as in records of earlier versions")
    empty: Count = Field(default=0, description="answers without a text")
    prompts_cut: Count = Field(default=0, description="prompts longer than the model reads, cut on the right")

    @property
    def answered(self) -> int:
        """How many requests have an answer."""
        return self.stop + self.length + self.unknown

    def remarks(self, max_tokens: int | None = None) -> tuple[str, ...]:
        """Remarks on answers cut off (at `max_tokens` new tokens) and empty answers, and on prompts that were cut."""
        at = "" if max_tokens is None else f" at {pluralize(max_tokens, 'token')}"
        found = ((self.length, f"answers were cut off{at}"), (self.empty, "answers are empty"))
        remarks = [f"{count:,} of {self.answered:,} {remark}" for count, remark in found if count]
        requests = self.answered + self.error
        if self.prompts_cut:
            remarks.append(
                f"{self.prompts_cut:,} of {requests:,} prompts were cut: they are longer than the model reads"
            )
        return tuple(remarks)


class FailedSample(Record):
    """A sample without an answer, and why."""

    renamed: ClassVar[Mapping[str, str]] = {"round": "pass_index"}

    id: str
    pass_index: int
    reason: str


class BaselineRecord(Record):
    """The best constant answer, and whether the model beats it significantly (see `analysis.majority_baseline`)."""

    renamed: ClassVar[Mapping[str, str]] = {"credit": "mean_score"}

    answer: str
    mean_score: float = Field(description="mean score of the constant answer over the samples, 0 to 1")
    better: int = Field(description="samples on which the model scores higher than the constant answer")
    worse: int = Field(description="samples on which it scores lower")
    p_value: float = Field(description="exact one-sided sign test of better against worse")


class EvaluationSetup(Record):
    """Questions, prompts and settings, as hashes: where all are equal, two runs asked the same in the same way."""

    renamed: ClassVar[Mapping[str, str]] = {"truth": "reference_digest"}

    config: str = Field(description="SHA-256 over what the task file says about asking and scoring")
    reference_digest: str = Field(description="SHA-256 over sample ids and references")
    template: str = Field(description="the model's conversation template")
    wording: str = Field(default="", description="the model family that --wording names; empty: the model's own")
    prompts: str = Field(description="SHA-256 over every prompt, instruction and answer length")


class TaskScores(Record):
    """One task's scores, and the facts that decide what they may be compared with."""

    renamed: ClassVar[Mapping[str, str]] = {"asked": "setup", "credit": "mean_score"}

    name: str = Field(description="the task file's name", pattern=r"^[^/\\\x00]+$")
    title: str
    benchmark: str
    split: str
    protocol: str = Field(description="the named way of scoring")
    release: str = Field(default="", description="the official release of the data, where several ask differently")
    wording: str = Field(default="", description="the model family in whose wording it was asked, of several")
    wording_is_published: bool = Field(default=True, description="False where that family's authors published none")
    metric: str = Field(description="the task's primary metric")
    complete: bool = Field(description="False under --limit or --allow-partial: not comparable with anything else")
    setup: EvaluationSetup
    mini: bool = Field(default=False, description="a task of the shipped suite, never set beside published values")
    counts: Counts
    mean_score: float = Field(description="mean score over the samples, 0 to 1")
    metrics: tuple[MetricRecord, ...]
    notes: tuple[str, ...] = ()
    endings: Endings | None = Field(default=None, description="absent from files of earlier versions")
    failed: tuple[FailedSample, ...] = ()
    baseline: BaselineRecord | None = None
    judge: JudgeRecord | None = Field(default=None, description="the model whose verdicts the scores rest on, if any")

    def find(self, name: str, group: str = "", category: str = "") -> MetricRecord | None:
        """The metric of that name and breakdown, if the scorer gave one."""
        wanted = (name, group, category)
        return next((m for m in self.metrics if (m.name, m.group, m.category) == wanted), None)


class ModelRecord(Record):
    """The model."""

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
    """A finished run: its folder and its scores."""

    folder: Path
    scores: ScoresFile

    @property
    def label_parts(self) -> LabelParts:
        """What its label may consist of."""
        return LabelParts(self.scores.name or self.scores.model.name, self.scores.model.dtype, (self.folder,))


def run_folder(path: Path) -> Path:
    """The run folder of a path to it or to its scores file."""
    return path.parent if path.name == SCORES_FILE else path


def read_runs(paths: Sequence[Path]) -> list[ScoredRun]:
    """The runs of these folders (or scores files), each once, and after it the judges' scores of its answers.

    Raises UserError as `read_scores` does.
    """
    runs: dict[Path, ScoredRun] = {}
    for path in paths:
        for folder in with_judged(run_folder(path)):
            runs.setdefault(folder.resolve(), ScoredRun(folder, read_scores(folder)))
    return list(runs.values())


def with_judged(folder: Path) -> list[Path]:
    """A run's folder, and those of its judged scores."""
    return [folder, *judged_folders(folder, SCORES_FILE)]


def read_scores(run: Path) -> ScoresFile:
    """The scores of a run folder (or of the file itself). Raises UserError if there are none or they can't be read."""
    path = run / SCORES_FILE if run.is_dir() else run
    if not path.exists():
        manifest = read_manifest(run) if run.is_dir() else None
        if manifest is None:
            like_named = did_you_mean_folder(run, MANIFEST_FILE)
            raise UserError(f"{run} is not a run folder: it has no {SCORES_FILE}{like_named}")
        if manifest.settings.shard:
            raise UserError(f"{run} is shard {manifest.settings.shard} of a run; `merge` joins and scores them all")
        if manifest.sessions and manifest.sessions[-1].outcome == "finished":
            raise UserError(f"{run} has no scores yet: the same command without --answers-only scores it")
        raise UserError(
            f"{run} has no scores yet: the run is not finished; the command that started it goes on where it stopped"
        )
    scores = read_record(path, ScoresFile, "score again: the command that made the run asks nothing twice")
    for task in scores.tasks:
        if task.judge is not None:
            require_same_answers(path.parent, task.name, task.judge)
    return scores
