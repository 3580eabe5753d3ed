"""Hand-written scores for the tests of tables."""

from __future__ import annotations

from pathlib import Path

from emma_eval.reports.column_assignment import shipped_task
from emma_eval.results.scores import (
    BaselineRecord,
    Counts,
    EvaluationSetup,
    MetricRecord,
    ModelRecord,
    ScoredRun,
    ScoresFile,
    TaskScores,
)
from emma_eval.tasks.digest import task_digest


def metric(name: str, value: float, unit: str = "percent", group: str = "", category: str = "") -> MetricRecord:
    return MetricRecord(name=name, value=value, n=100, unit=unit, group=group, category=category)  # type: ignore[arg-type]


def setup(name: str = "", protocol: str = "official", **changes: str) -> EvaluationSetup:
    """As a run of the shipped task would say; of another task, what it says is made up."""
    shipped = shipped_task(name) if name else None
    config = task_digest(shipped, protocol) if shipped and protocol in shipped.protocols else "c" * 64
    return EvaluationSetup(config=config, reference_digest="7" * 64, template="vicuna_v1", prompts="9" * 64).model_copy(
        update=changes
    )


def task(name: str, split: str, *metrics: MetricRecord, **changes: object) -> TaskScores:
    """A shipped task is asked as it is shipped, with all its samples; others have a hundred."""
    shipped = shipped_task(name)
    samples = next(iter(shipped.expected.samples), 100) if shipped else 100
    scores = TaskScores(
        name=name,
        title=name.upper(),
        benchmark=name,
        split=split,
        protocol="official",
        metric=metrics[0].name,
        complete=True,
        setup=setup(name, str(changes.get("protocol", "official"))),
        counts=Counts(samples=samples, answered=samples, failed=0, missing=0),
        mean_score=0.75,
        metrics=metrics,
    )
    return scores.model_copy(update=changes)


def scores(*tasks: TaskScores, name: str = "my-emma", weights: str = "abc", dtype: str = "float16") -> ScoresFile:
    return ScoresFile(model=ModelRecord(name=name, weights=weights, dtype=dtype), tasks=tasks)


def scored(*tasks: TaskScores, folder: str = "run", **model: str) -> ScoredRun:
    """The same as a run in a folder."""
    return ScoredRun(Path(folder), scores(*tasks, **model))


def mini(name: str, value: float, **changes: object) -> TaskScores:
    baseline = BaselineRecord(answer="yes", mean_score=0.5, better=30, worse=3, p_value=7e-7)
    return task(
        name, "mini", metric("accuracy", value), mini=True, baseline=baseline, mean_score=value / 100, **changes
    )
