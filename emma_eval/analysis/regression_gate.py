"""The regression gate: a run against a baseline, a verdict for each task and metric.

Tolerances come from a YAML file; what it does not say stays at the defaults:

    alpha: 0.05                # chance of a false alarm among all metrics together (Holm); 1 leaves the test out
    smallest_effect: 1.0       # percent of a metric's full range; a smaller change passes whatever its p value
    changed: 1.0               # percent of a task's answers that may be read otherwise; not looked at when left out
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
from emma_eval.stats.exact import holm
from emma_eval.stats.paired import Flip, MetricComparison, compare_metrics, flips
from emma_eval.stats.verdict import FAILING, Verdict, verdict
from emma_eval.types import Metric
from emma_eval.utils.records import Record
from emma_eval.utils.text import did_you_mean, first_validation_error
from emma_eval.utils.yaml_io import read_yaml

RESAMPLES = 10_000  # so that the smallest p value a bootstrap can give survives the correction over many metrics


class TaskTolerance(Record):
    """What a task allows."""

    smallest_effect: NonNegativeFloat | None = None
    changed: NonNegativeFloat | None = None
    metrics: dict[str, NonNegativeFloat] = Field(default_factory=dict)


class Tolerances(Record):
    """When a change counts."""

    alpha: float = Field(default=0.05, gt=0, le=1)
    smallest_effect: NonNegativeFloat = 1.0
    changed: NonNegativeFloat | None = None
    tasks: dict[str, TaskTolerance] = Field(default_factory=dict)

    def effect(self, task: str, metric: str) -> float:
        """The smallest change of a metric that counts, in percent of its full range."""
        own = self.tasks.get(task, TaskTolerance())
        default = self.smallest_effect if own.smallest_effect is None else own.smallest_effect
        return own.metrics.get(metric, default)

    def most_changed(self, task: str) -> float | None:
        """How many of a task's answers may change, in percent; None: any."""
        own = self.tasks.get(task, TaskTolerance()).changed
        return self.changed if own is None else own


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one metric of one task; on the whole task if it can't be compared, or on all its answers."""

    task: str
    metric: str
    verdict: Verdict
    pair: MetricComparison | None = None
    p_value: float = 1.0  # corrected over all metrics of all tasks
    smallest_effect: float = 0.0
    reason: str = ""  # where there is no pair


@dataclass(frozen=True, slots=True)
class GateResult:
    """All verdicts, and the samples on which each task earned less than in the baseline."""

    findings: tuple[Finding, ...]
    lost: Mapping[str, tuple[Flip, ...]]
    new: tuple[str, ...]  # tasks, and metrics as `task: metric`, that the baseline does not have

    @property
    def failed(self) -> bool:
        """Whether anything got worse, or what the baseline holds can no longer be told."""
        return any(finding.verdict in FAILING for finding in self.findings)

    def count(self, wanted: Verdict) -> int:
        """How many metrics have that verdict."""
        return sum(finding.verdict == wanted for finding in self.findings)


def read_tolerances(path: Path | None) -> Tolerances:
    """The file's tolerances, or the defaults. Raises UserError naming the key that is wrong."""
    if path is None:
        return Tolerances()
    try:
        return Tolerances.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_validation_error(error)}") from None


def judge(
    run: Sequence[TaskStatistics], baseline: Sequence[TaskStatistics], tolerances: Tolerances, tasks: Sequence[str] = ()
) -> GateResult:
    """The verdicts on every overall metric of the baseline's tasks, or of those named.

    Raises UserError for a task or a metric that tolerances or `tasks` name and the baseline does not have.
    """
    before, now = {one.task: one for one in baseline}, {one.task: one for one in run}
    _check_names(before, tolerances, tasks)
    findings: list[Finding] = []
    tested: list[tuple[str, MetricComparison]] = []
    new: list[str] = []
    lost = {}
    for task in tasks or before:
        reasons = differences(before[task], now[task]) if task in now else ["the run has no scores of it"]
        if reasons:
            findings.append(Finding(task, before[task].record.primary, "incomparable", reason="; ".join(reasons)))
            continue
        pairs = compare_metrics(before[task].scores, now[task].scores, is_gated, RESAMPLES)
        tested += [(task, pair) for pair in pairs]
        added = _gated_names(now[task]) - _gated_names(before[task])
        new += [f"{task}: {name}" for name in sorted(added)]
        gone = _gated_names(before[task]) - {pair.metric.name for pair in pairs}
        findings += [Finding(task, name, "incomparable", reason="the run does not have it") for name in sorted(gone)]
        if (most := tolerances.most_changed(task)) is not None:
            findings.append(_changed(task, before[task], now[task], most))
        lost[task] = tuple(flips(before[task].scores, now[task].scores, before[task].primary)[1])
    corrected = holm([pair.p_value for _, pair in tested])
    findings += [_finding(task, pair, p, tolerances) for (task, pair), p in zip(tested, corrected, strict=True)]
    new += [] if tasks else [task for task in now if task not in before]
    return GateResult(tuple(findings), lost, tuple(new))


def _changed(task: str, before: TaskStatistics, now: TaskStatistics, most: float) -> Finding:
    """Whether more answers are read otherwise than may be. A score can hold while losses and gains are even."""
    pairs = list(zip(before.scores.samples, now.scores.samples, strict=True))
    changed = sum(old.parsed_answer != new.parsed_answer for old, new in pairs)
    found: Verdict = "changed" if 100 * changed > most * len(pairs) else "pass"
    reason = f"{changed:,} of {len(pairs):,} are read otherwise than in the baseline, {most:g}% may be"
    return Finding(task, "answers", found, reason=reason)


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
    """Overall metrics that have a better direction; breakdowns would only dilute the test."""
    return not metric.group and metric.higher_is_better is not None


def _finding(task: str, pair: MetricComparison, p_value: float, tolerances: Tolerances) -> Finding:
    name = pair.metric.name
    effect = tolerances.effect(task, name)
    return Finding(task, name, verdict(pair, p_value, tolerances.alpha, effect), pair, p_value, effect)
