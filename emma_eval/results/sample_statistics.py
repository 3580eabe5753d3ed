"""What each sample adds to each metric of a task: intervals and comparisons need it, the benchmark's data they do not.

A run folder holds `statistics/<task>.json`; a baseline holds several such records in one file. Three things keep them
short: a numerator that equals the samples' scores is written as the word `score`, a ratio that several metrics use is
written once, and so is a choice of samples that several ratios use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, field_validator

from emma_eval.errors import UserError
from emma_eval.results.manifest import TaskFacts
from emma_eval.results.scores import SCORES_FILE, MetricFields, TaskScores, read_scores, with_judged
from emma_eval.stats.aggregations import AGGREGATIONS
from emma_eval.types import Metric, Ratio, SampleScore, SampleStatus, Scores
from emma_eval.utils.files import write_atomic
from emma_eval.utils.records import Record, read_record, to_compact_json

SCHEMA_VERSION = 1
FOLDER = "statistics"
EARLIER_FOLDER = "evidence"  # of runs made by earlier versions
HOW_TO_REWRITE = "the command that made the run writes it, without asking the model anything again"

Number = int | float  # whole numbers are written without `.0`


class RatioRecord(Record):
    """A `types.Ratio`; `sample_indices` is an index into the task's list of the same name, None for all samples."""

    renamed: ClassVar[Mapping[str, str]] = {"top": "numerator", "bottom": "denominator", "places": "sample_indices"}

    numerator: tuple[Number, ...] | Literal["score"]  # score: those of the samples
    denominator: tuple[Number, ...] | None = None
    sample_indices: NonNegativeInt | None = None

    @field_validator("numerator", mode="before")
    @classmethod
    def _with_todays_word(cls, numerator: Any) -> Any:
        return "score" if numerator == "credit" else numerator  # of records written before


class ResampledMetricRecord(MetricFields):
    """A `types.Metric`; `ratios` are indices into `TaskStatisticsRecord.ratios`."""

    renamed: ClassVar[Mapping[str, str]] = {"combine": "aggregate", "bounded": "value_is_bounded"}

    scale: float
    aggregate: str
    value_is_bounded: bool = True
    ratios: tuple[NonNegativeInt, ...] = Field(min_length=1)

    @field_validator("aggregate")
    @classmethod
    def _is_known(cls, aggregate: str) -> str:
        if aggregate not in AGGREGATIONS:
            raise ValueError(f"{aggregate!r} is none of {', '.join(AGGREGATIONS)}")
        return aggregate


class SampleColumns(Record):
    """The fields of all `SampleScore`s, one list each."""

    renamed: ClassVar[Mapping[str, str]] = {"value": "score", "read_as": "parsed_answer"}

    id: tuple[str, ...]
    score: tuple[Number, ...]
    parsed_answer: tuple[str, ...]
    status: tuple[SampleStatus, ...]
    cluster: tuple[str, ...]


class TaskStatisticsRecord(Record):
    """A task's metrics with what each sample adds, and the facts that decide what they may be compared with."""

    renamed: ClassVar[Mapping[str, str]] = {
        "truth": "reference_digest",
        "resampled": "cluster_unit",
        "places": "sample_indices",
    }

    schema_version: int = SCHEMA_VERSION
    task: str
    benchmark: str
    split: str
    protocol: str
    primary: str  # the task's primary metric
    reference_digest: str  # SHA-256 over sample ids and references
    config: str = ""  # SHA-256 over the task file; empty in baselines of earlier versions
    template: str = ""  # the model's conversation template; likewise
    judged: bool = False  # whether the protocol names a judge, whose scores compare with no other's
    cluster_unit: str
    samples: SampleColumns
    sample_indices: tuple[tuple[NonNegativeInt, ...], ...]  # each different choice of samples
    ratios: tuple[RatioRecord, ...]
    metrics: tuple[ResampledMetricRecord, ...]


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """A task's record, and the scores that it describes, ready for `stats`."""

    record: TaskStatisticsRecord
    scores: Scores

    @property
    def task(self) -> str:
        """What its scores are compared by: the task's name, and the judge where there is one."""
        return f"{self.record.task}, {self.record.protocol}" if self.record.judged else self.record.task

    @property
    def primary(self) -> Metric:
        """The task's primary metric. Raises UserError if the record has no ratios for it."""
        overall = (metric for metric in self.scores.metrics if metric.name == self.record.primary and not metric.group)
        metric = next(overall, None)
        if metric is None:
            raise UserError(
                f"task {self.task}: its metric {self.record.primary} can't be compared: it is not recorded what each "
                "sample adds to it"
            )
        return metric


def write_task_statistics(folder: Path, task: TaskScores, facts: TaskFacts, scores: Scores) -> None:
    """Write the record of a scored task into its run folder."""
    (folder / FOLDER).mkdir(exist_ok=True)
    write_atomic(folder / FOLDER / f"{task.name}.json", to_compact_json(to_record(task, facts, scores)))


def read_task_statistics(run: Path) -> list[TaskStatistics]:
    """The statistics of each scored task of a run folder.

    Raises UserError if no task has a score, or a record is missing, unreadable or not of the scores in `scores.json`.
    """
    tasks = [task for task in read_scores(run).tasks if task.metrics]  # none where references are held back
    if not tasks:
        raise UserError(f"{run} holds no scored task")
    found = []
    for task in tasks:
        path = _record_path(run, task.name)
        if not path.exists():
            raise UserError(f"{run} lacks {FOLDER}/{task.name}.json, which comparisons need; {HOW_TO_REWRITE}")
        statistics = from_record(read_record(path, TaskStatisticsRecord, HOW_TO_REWRITE), path)
        _require_agreement(task, statistics.record, path)
        found.append(statistics)
    return found


def read_all_statistics(run: Path) -> list[TaskStatistics]:
    """The statistics of a run folder, and those of its judged scores. Raises UserError as `read_task_statistics`."""
    own, *judged = with_judged(run)
    has_own = not judged or any(task.metrics for task in read_scores(own).tasks)
    return [task for folder in (own, *judged)[0 if has_own else 1 :] for task in read_task_statistics(folder)]


def _record_path(run: Path, task: str) -> Path:
    """Where the task's record is: in the folder of earlier versions only if there is none in today's."""
    path, earlier = (run / folder / f"{task}.json" for folder in (FOLDER, EARLIER_FOLDER))
    return earlier if earlier.exists() and not path.exists() else path


def _require_agreement(task: TaskScores, record: TaskStatisticsRecord, path: Path) -> None:
    """Raise UserError unless the record is of the scores in `scores.json`: commands must not show different numbers."""
    agree = (task.name, task.protocol, task.setup.reference_digest) == (
        record.task,
        record.protocol,
        record.reference_digest,
    )
    for metric in record.metrics:
        in_scores = task.find(metric.name, metric.group, metric.category)
        agree = agree and in_scores is not None and in_scores.value == metric.value
    if not agree:
        raise UserError(f"{path} and the run's {SCORES_FILE} contradict each other; {HOW_TO_REWRITE}")


class _RatioTable:
    """Ratios and choices of samples as they are written: each different one gets an index when it is first added."""

    def __init__(self, sample_scores: Sequence[float]) -> None:
        self.sample_scores = sample_scores
        self.ratios: dict[RatioRecord, int] = {}
        self.sample_indices: dict[tuple[int, ...], int] = {}

    def index_of(self, ratio: Ratio) -> int:
        """The ratio's index."""
        indices = None if ratio.sample_indices is None else tuple(ratio.sample_indices)
        is_score = list(ratio.numerator) == _select(self.sample_scores, indices)
        record = RatioRecord(
            numerator="score" if is_score else _numbers(ratio.numerator),
            denominator=None if ratio.denominator is None else _numbers(ratio.denominator),
            sample_indices=None
            if indices is None
            else self.sample_indices.setdefault(indices, len(self.sample_indices)),
        )
        return self.ratios.setdefault(record, len(self.ratios))


def to_record(task: TaskScores, facts: TaskFacts, scores: Scores) -> TaskStatisticsRecord:
    """The record of a task's scores. Counts are left out: they only make up other metrics."""
    samples = scores.samples
    sample_scores = [sample.score for sample in samples]
    table = _RatioTable(sample_scores)
    metrics = tuple(
        ResampledMetricRecord(
            **ResampledMetricRecord.values_of(metric), ratios=tuple(table.index_of(ratio) for ratio in metric.ratios)
        )
        for metric in scores.metrics
        if metric.ratios and metric.unit != "count"
    )
    return TaskStatisticsRecord(
        task=task.name,
        benchmark=task.benchmark,
        split=task.split,
        protocol=task.protocol,
        primary=task.metric,
        reference_digest=facts.reference_digest,
        config=facts.config,
        template=task.setup.template,
        judged=task.judge is not None,
        cluster_unit=scores.cluster_unit,
        samples=SampleColumns(
            id=tuple(sample.id for sample in samples),
            score=_numbers(sample_scores),
            parsed_answer=tuple(sample.parsed_answer for sample in samples),
            status=tuple(sample.status for sample in samples),
            cluster=tuple(sample.cluster for sample in samples),
        ),
        sample_indices=tuple(table.sample_indices),
        ratios=tuple(table.ratios),
        metrics=metrics,
    )


def from_record(record: TaskStatisticsRecord, path: Path) -> TaskStatistics:
    """The statistics of a record. Raises UserError, naming `path`, if lengths or indices in it do not fit together."""
    try:
        columns = (getattr(record.samples, name) for name in SampleColumns.model_fields)
        samples = tuple(
            SampleScore(sample_id, float(score), parsed_answer, status, cluster)
            for sample_id, score, parsed_answer, status, cluster in zip(*columns, strict=True)
        )
        sample_scores = [sample.score for sample in samples]
        ratios = [_to_ratio(ratio, record.sample_indices, sample_scores) for ratio in record.ratios]
        metrics = tuple(
            Metric(**metric.values_of(metric), ratios=tuple(ratios[index] for index in metric.ratios))
            for metric in record.metrics
        )
    except (IndexError, ValueError) as error:
        raise UserError(f"{path}: the parts of task {record.task} do not fit together ({error})") from None
    return TaskStatistics(record, Scores(metrics, samples, cluster_unit=record.cluster_unit))


def _to_ratio(record: RatioRecord, choices: Sequence[tuple[int, ...]], sample_scores: Sequence[float]) -> Ratio:
    indices = None if record.sample_indices is None else choices[record.sample_indices]
    size = len(sample_scores) if indices is None else len(indices)
    numerator = _select(sample_scores, indices) if record.numerator == "score" else record.numerator
    if not len(numerator) == size == len(record.denominator or numerator) or max(indices or (), default=-1) >= len(
        sample_scores
    ):
        raise ValueError("a ratio's columns differ in length")
    return Ratio(numerator, record.denominator, indices)


def _select(values: Sequence[float], indices: Sequence[int] | None) -> list[float]:
    return list(values) if indices is None else [values[index] for index in indices]


def _numbers(values: Sequence[float]) -> tuple[Number, ...]:
    return tuple(int(value) if value == int(value) else value for value in values)
