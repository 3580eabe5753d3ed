"""What a run leaves for statistics: what each sample adds to each metric, without the benchmark's data.

`evidence/<task>.json` in a run folder; a baseline is several of them in one file. Columns are kept short: one that is
the samples' credit is the word `credit`, and a choice of samples that several columns share is listed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, field_validator, model_validator

from emma_eval.errors import UserError
from emma_eval.results.manifest import TaskFacts
from emma_eval.results.scores import SCORES_FILE, TaskScores, read_scores
from emma_eval.stats.combinations import COMBINATIONS
from emma_eval.types import Metric, Ratio, SampleScore, Scores, Status, Unit
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.records import Record, read_record, to_compact_json

SCHEMA_VERSION = 1
FOLDER = "evidence"
WRITTEN_BY_RUN = "the command that made the run writes it, without asking the model anything again"

Number = int | float  # whole ones are written without `.0`
Column = tuple[Number, ...] | Literal["credit"]
COPIED = (
    "name",
    "value",
    "n",
    "unit",
    "group",
    "category",
    "higher_is_better",
    "scale",
    "aggregate",
    "value_is_bounded",
)  # of a Metric


class RatioRecord(Record):
    """A ratio's columns; `places` is a number in the list `Evidence.places`, None for all samples."""

    renamed: ClassVar[Mapping[str, str]] = {"top": "numerator", "bottom": "denominator", "places": "sample_indices"}

    numerator: Column
    denominator: tuple[Number, ...] | None = None
    sample_indices: NonNegativeInt | None = None


class MetricParts(Record):
    """A metric, and the numbers of its ratios in the list `Evidence.ratios`."""

    renamed: ClassVar[Mapping[str, str]] = {"combine": "aggregate", "bounded": "value_is_bounded"}

    name: str
    value: float
    n: int
    unit: Unit
    group: str
    category: str
    higher_is_better: bool | None
    scale: float
    aggregate: str
    value_is_bounded: bool = True
    ratios: tuple[NonNegativeInt, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _of_better(cls, content: Any) -> Any:
        """Records written before say `better`: higher, lower or unranked."""
        if not isinstance(content, dict) or "better" not in content:
            return content
        directions = {"higher": True, "lower": False, "unranked": None}
        rest = {key: value for key, value in content.items() if key != "better"}
        return rest | {"higher_is_better": directions.get(content["better"], content["better"])}

    @field_validator("aggregate")
    @classmethod
    def _is_known(cls, aggregate: str) -> str:
        if aggregate not in COMBINATIONS:
            raise ValueError(f"{aggregate!r} is none of {', '.join(COMBINATIONS)}")
        return aggregate


class SampleColumns(Record):
    """The fields of all SampleScores, one list each."""

    renamed: ClassVar[Mapping[str, str]] = {"value": "score", "read_as": "parsed_answer"}

    id: tuple[str, ...]
    score: tuple[Number, ...]
    parsed_answer: tuple[str, ...]
    status: tuple[Status, ...]
    cluster: tuple[str, ...]


class Evidence(Record):
    """A task's scores, made of what each sample adds, with all that decides what they may be compared with."""

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
    cluster_unit: str
    samples: SampleColumns
    sample_indices: tuple[tuple[NonNegativeInt, ...], ...]
    ratios: tuple[RatioRecord, ...]
    metrics: tuple[MetricParts, ...]


@dataclass(frozen=True, slots=True)
class TaskEvidence:
    """The same, ready to be computed with."""

    record: Evidence
    scores: Scores

    @property
    def task(self) -> str:
        """The task's name."""
        return self.record.task

    @property
    def primary(self) -> Metric:
        """The task's primary metric. Raises UserError if there is nothing to compute it from."""
        named = (metric for metric in self.scores.metrics if metric.name == self.record.primary and not metric.group)
        metric = next(named, None)
        if metric is None:
            raise UserError(f"task {self.task}: its metric {self.record.primary} can't be compared")
        return metric


def write_evidence(folder: Path, task: TaskScores, facts: TaskFacts, scores: Scores) -> None:
    """Write the evidence of a scored task into its run folder."""
    make_output_folder(folder / FOLDER)
    write_atomic(folder / FOLDER / f"{task.name}.json", to_compact_json(pack(task, facts, scores)))


def read_run(run: Path) -> list[TaskEvidence]:
    """The evidence of each scored task of a run folder. Raises UserError if there is none or it can't be read."""
    tasks = [task for task in read_scores(run).tasks if task.metrics]  # none where the truth is held back
    if not tasks:
        raise UserError(f"{run} holds no scored task")
    found = []
    for task in tasks:
        path = run / FOLDER / f"{task.name}.json"
        if not path.exists():
            raise UserError(f"{run} lacks {FOLDER}/{task.name}.json, which comparisons need; {WRITTEN_BY_RUN}")
        one = unpack(read_record(path, Evidence, WRITTEN_BY_RUN), path)
        _require_agreement(task, one.record, path)
        found.append(one)
    return found


def _require_agreement(task: TaskScores, evidence: Evidence, path: Path) -> None:
    """Raise UserError unless the evidence is of the scores that tables show: else two commands tell two numbers."""
    agree = (task.name, task.protocol, task.asked.reference_digest) == (
        evidence.task,
        evidence.protocol,
        evidence.reference_digest,
    )
    for metric in evidence.metrics:
        shown = task.find(metric.name, metric.group, metric.category)
        agree = agree and shown is not None and shown.value == metric.value
    if not agree:
        raise UserError(f"{path} and the run's {SCORES_FILE} contradict each other; {WRITTEN_BY_RUN}")


def pack(task: TaskScores, facts: TaskFacts, scores: Scores) -> Evidence:
    """The record of a task's scores. Counts, which only make up other metrics, are left out."""
    metrics = [metric for metric in scores.metrics if metric.ratios and metric.unit != "count"]
    ratios = {id(ratio): ratio for metric in metrics for ratio in metric.ratios}
    number = {key: place for place, key in enumerate(ratios)}
    chosen = dict.fromkeys(tuple(ratio.sample_indices) for ratio in ratios.values() if ratio.sample_indices is not None)
    choices = {places: place for place, places in enumerate(chosen)}
    samples = scores.samples
    earned = [sample.score for sample in samples]
    return Evidence(
        task=task.name,
        benchmark=task.benchmark,
        split=task.split,
        protocol=task.protocol,
        primary=task.metric,
        reference_digest=facts.reference_digest,
        config=facts.config,
        cluster_unit=scores.cluster_unit,
        samples=SampleColumns(
            id=tuple(sample.id for sample in samples),
            score=_short(earned),
            parsed_answer=tuple(sample.parsed_answer for sample in samples),
            status=tuple(sample.status for sample in samples),
            cluster=tuple(sample.cluster for sample in samples),
        ),
        sample_indices=tuple(choices),
        ratios=tuple(_pack_ratio(ratio, choices, earned) for ratio in ratios.values()),
        metrics=tuple(
            MetricParts(**{name: getattr(m, name) for name in COPIED}, ratios=tuple(number[id(r)] for r in m.ratios))
            for m in metrics
        ),
    )


def unpack(record: Evidence, where: Path) -> TaskEvidence:
    """The record ready to be computed with. Raises UserError if its parts do not fit together."""
    try:
        columns = (getattr(record.samples, name) for name in SampleColumns.model_fields)
        samples = tuple(
            SampleScore(id_, float(score), parsed_answer, status, cluster)
            for id_, score, parsed_answer, status, cluster in zip(*columns, strict=True)
        )
        earned = [sample.score for sample in samples]
        ratios = [_unpack_ratio(ratio, record.sample_indices, earned) for ratio in record.ratios]
        metrics = tuple(
            Metric(
                **{name: getattr(metric, name) for name in COPIED},
                ratios=tuple(ratios[number] for number in metric.ratios),
            )
            for metric in record.metrics
        )
    except (IndexError, ValueError) as error:
        raise UserError(f"{where}: the parts of task {record.task} do not fit together ({error})") from None
    return TaskEvidence(record, Scores(metrics, samples, cluster_unit=record.cluster_unit))


def _pack_ratio(ratio: Ratio, choices: Mapping[tuple[int, ...], int], earned: Sequence[float]) -> RatioRecord:
    places = None if ratio.sample_indices is None else tuple(ratio.sample_indices)
    is_credit = list(ratio.numerator) == _at(places, earned)
    return RatioRecord(
        numerator="credit" if is_credit else _short(ratio.numerator),
        denominator=None if ratio.denominator is None else _short(ratio.denominator),
        sample_indices=None if places is None else choices[places],
    )


def _unpack_ratio(record: RatioRecord, choices: Sequence[tuple[int, ...]], earned: Sequence[float]) -> Ratio:
    places = range(len(earned)) if record.sample_indices is None else choices[record.sample_indices]
    top = _at(places, earned) if record.numerator == "credit" else record.numerator
    if not len(top) == len(places) == len(record.denominator or top) or max(places, default=0) >= len(earned):
        raise ValueError("a ratio's columns differ in length")
    return Ratio(top, record.denominator, None if record.sample_indices is None else places)


def _at(places: Sequence[int] | None, values: Sequence[float]) -> list[float]:
    return list(values) if places is None else [values[place] for place in places]


def _short(values: Sequence[float]) -> tuple[Number, ...]:
    return tuple(int(value) if value == int(value) else value for value in values)
