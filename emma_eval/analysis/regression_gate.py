"""The regression gate: compares a run with a baseline and gives a verdict on each task and metric.

Tolerances come from a YAML file; keys that it leaves out have these defaults (`changed` and `tasks`: none):

    alpha: 0.05                # chance of any false alarm over all metrics (Holm); 1 skips the test
    smallest_effect: 1.0       # percent of a metric's full range; smaller changes pass whatever their p value
    changed: 1.0               # percent of a task's answers that may be parsed differently; unchecked if left out
    tasks:
      pope_mini:
        smallest_effect: 2.0
        changed: 5.0
        metrics:
          f1: 3.0              # this metric's own smallest effect
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, NonNegativeFloat, ValidationError

from emma_eval.analysis.compare import differences
from emma_eval.errors import UserError
from emma_eval.results.sample_statistics import TaskStatistics
from emma_eval.stats.exact_tests import holm
from emma_eval.stats.paired import Flip, MetricComparison, compare_metrics, flips
from emma_eval.stats.verdict import FAILING, Verdict, verdict
from emma_eval.types import Metric
from emma_eval.utils.records import Record
from emma_eval.utils.text import did_you_mean
from emma_eval.utils.validation import first_validation_error
from emma_eval.utils.yaml_io import read_yaml

RESAMPLES = 10_000  # the smallest bootstrap p value must survive the correction over many metrics


class TaskTolerance(Record):
    """The tolerances of one task; None: those of all tasks."""

    smallest_effect: NonNegativeFloat | None = None
    changed: NonNegativeFloat | None = None
    metrics: dict[str, NonNegativeFloat] = Field(default_factory=dict)


class Tolerances(Record):
    """Which changes count as regressions or improvements."""

    alpha: float = Field(default=0.05, gt=0, le=1)
    smallest_effect: NonNegativeFloat = 1.0
    changed: NonNegativeFloat | None = None
    tasks: dict[str, TaskTolerance] = Field(default_factory=dict)

    def effect(self, task: str, metric: str) -> float:
        """The smallest change of a metric that counts, in percent of its full range."""
        own = self.tasks.get(task, TaskTolerance())
        default = self.smallest_effect if own.smallest_effect is None else own.smallest_effect
        return own.metrics.get(metric, default)

    def max_changed(self, task: str) -> float | None:
        """The share of a task's answers that may change, in percent; None: unchecked."""
        own = self.tasks.get(task, TaskTolerance()).changed
        return self.changed if own is None else own


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """The verdict on one metric of a task; also on a task that is not comparable, and on the answers of a task."""

    task: str
    metric: str
    outcome: Verdict
    pair: MetricComparison | None = None
    p_value: float = 1.0  # corrected over all metrics of all tasks
    smallest_effect: float = 0.0
    reason: str = ""  # if there is no pair


@dataclass(frozen=True, slots=True)
class GateResult:
    """All verdicts, and the samples that each task lost against the baseline."""

    verdicts: tuple[MetricVerdict, ...]
    lost: Mapping[str, tuple[Flip, ...]]
    new: tuple[str, ...]  # tasks, and metrics as `task: metric`, that the baseline does not have

    @property
    def failed(self) -> bool:
        """Whether anything regressed, changed or is not comparable."""
        return any(entry.outcome in FAILING for entry in self.verdicts)

    def count(self, wanted: Verdict) -> int:
        """The number of metrics with that verdict."""
        return sum(entry.outcome == wanted for entry in self.verdicts)


def read_tolerances(path: Path | None) -> Tolerances:
    """The file's tolerances, or the defaults. Raises UserError naming an invalid key."""
    if path is None:
        return Tolerances()
    try:
        return Tolerances.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_validation_error(error)}") from None


def judge(
    run: Sequence[TaskStatistics], baseline: Sequence[TaskStatistics], tolerances: Tolerances, tasks: Sequence[str] = ()
) -> GateResult:
    """Verdicts on every overall metric of the baseline's tasks, or of the named ones.

    Raises UserError for a task or a metric that tolerances or `tasks` name and the baseline does not have.
    """
    before, now = {old.task: old for old in baseline}, {new.task: new for new in run}
    tasks = [line for name in tasks for line in _lines_of(name, before)]
    own = {line: one for name, one in tolerances.tasks.items() for line in _lines_of(name, before)}
    tolerances = tolerances.model_copy(update={"tasks": own})
    _check_names(before, tolerances, tasks)
    verdicts: list[MetricVerdict] = []
    tests: list[tuple[str, MetricComparison]] = []
    new: list[str] = []
    lost = {}
    for task in tasks or before:
        reasons = differences(before[task], now[task]) if task in now else ["the run has no scores of it"]
        if reasons:
            primary = before[task].record.primary
            verdicts.append(MetricVerdict(task, primary, "incomparable", reason="; ".join(reasons)))
            continue
        pairs = compare_metrics(before[task].scores, now[task].scores, is_gated, RESAMPLES)
        tests += [(task, pair) for pair in pairs]
        added = _gated_names(now[task]) - _gated_names(before[task])
        new += [f"{task}: {name}" for name in sorted(added)]
        gone = _gated_names(before[task]) - {pair.metric.name for pair in pairs}
        verdicts += [
            MetricVerdict(task, name, "incomparable", reason="the run does not have it") for name in sorted(gone)
        ]
        if (limit := tolerances.max_changed(task)) is not None:
            verdicts.append(_judge_answers(task, before[task], now[task], limit))
        lost[task] = tuple(flips(before[task].scores, now[task].scores, before[task].primary)[1])
    corrected = holm([pair.p_value for _, pair in tests])
    verdicts += [_judge_metric(task, pair, p, tolerances) for (task, pair), p in zip(tests, corrected, strict=True)]
    new += [] if tasks else [task for task in now if task not in before]
    return GateResult(tuple(verdicts), lost, tuple(new))


def _lines_of(name: str, baseline: Mapping[str, TaskStatistics]) -> list[str]:
    """The lines of the baseline that a name stands for: a task's own and those of its judges; without any the name."""
    return [line for line, statistics in baseline.items() if name in (line, statistics.record.task)] or [name]


def _judge_answers(task: str, before: TaskStatistics, now: TaskStatistics, limit: float) -> MetricVerdict:
    """Whether more than `limit` percent of the answers are parsed differently, which equal gains and losses hide."""
    pairs = list(zip(before.scores.samples, now.scores.samples, strict=True))
    changed = sum(old.parsed_answer != new.parsed_answer for old, new in pairs)
    outcome: Verdict = "changed" if 100 * changed > limit * len(pairs) else "pass"
    reason = f"{changed:,} of {len(pairs):,} are parsed differently than in the baseline, {limit:g}% may be"
    return MetricVerdict(task, "answers", outcome, reason=reason)


def _check_names(baseline: Mapping[str, TaskStatistics], tolerances: Tolerances, tasks: Sequence[str]) -> None:
    for task in (*tasks, *tolerances.tasks):
        if task not in baseline:
            raise UserError(f"the baseline has no task {task!r}{did_you_mean(task, baseline)}")
    for task, tolerance in tolerances.tasks.items():
        known = _gated_names(baseline[task])
        for name in tolerance.metrics:
            if name not in known:
                raise UserError(f"the baseline's task {task} has no metric {name!r}{did_you_mean(name, known)}")


def _gated_names(task: TaskStatistics) -> set[str]:
    return {metric.name for metric in task.scores.metrics if is_gated(metric)}


def is_gated(metric: Metric) -> bool:
    """Whether a metric is overall and has a better direction; breakdowns would only weaken the corrected test."""
    return not metric.group and metric.higher_is_better is not None


def _judge_metric(task: str, pair: MetricComparison, p_value: float, tolerances: Tolerances) -> MetricVerdict:
    name = pair.metric.name
    effect = tolerances.effect(task, name)
    return MetricVerdict(task, name, verdict(pair, p_value, tolerances.alpha, effect), pair, p_value, effect)
