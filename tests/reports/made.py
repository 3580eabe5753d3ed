"""Scores made by hand for the leaderboard's tests."""

from __future__ import annotations

from emma_eval.reports.scores_file import BaselineRecord, Counts, MetricRecord, ModelRecord, ScoresFile, TaskScores


def metric(name: str, value: float, unit: str = "percent", group: str = "", category: str = "") -> MetricRecord:
    return MetricRecord(name=name, value=value, n=100, unit=unit, group=group, category=category)  # type: ignore[arg-type]


def task(name: str, split: str, *metrics: MetricRecord, **changes: object) -> TaskScores:
    made = TaskScores(
        name=name,
        title=name.upper(),
        benchmark=name,
        split=split,
        protocol="official",
        metric=metrics[0].name,
        complete=True,
        counts=Counts(samples=100, answered=100, failed=0, missing=0),
        credit=0.75,
        metrics=metrics,
    )
    return made.model_copy(update=changes)


def scores(*tasks: TaskScores, name: str = "my-emma", weights: str = "abc", dtype: str = "float16") -> ScoresFile:
    return ScoresFile(model=ModelRecord(name=name, weights=weights, dtype=dtype), tasks=tasks)


def mini(name: str, value: float, **changes: object) -> TaskScores:
    baseline = BaselineRecord(answer="yes", credit=0.5, better=30, worse=3, p_value=7e-7)
    return task(name, "mini", metric("accuracy", value), mini=True, baseline=baseline, credit=value / 100, **changes)
