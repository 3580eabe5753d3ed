"""What is logged of a finished run: configuration, numbers, the table of scores. Samples are `samples`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from emma_eval.loggers.samples import LoggedSample, logged_name
from emma_eval.reports.html.run_loader import FinishedRun
from emma_eval.results.manifest import Manifest, Session
from emma_eval.results.scores import TaskScores


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One metric of one task, also of one category of it; values as in `scores.json`, unrounded."""

    task: str
    protocol: str  # the way of scoring; of a judge's scores also whose
    metric: str
    group: str  # empty: over the whole task
    category: str
    value: float
    low: float | None  # of the 95% interval; None where there is none
    high: float | None
    unit: str
    n: int


SCORE_COLUMNS = tuple(field.name for field in fields(ScoreRow))


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A finished run as loggers see it."""

    key: str  # 16 hex digits, drawn once for a run folder
    name: str  # as tables call it
    folder: Path
    files: tuple[Path, ...]  # of the folder, small enough to be copied
    config: Mapping[str, Any]  # nested; of JSON's types
    numbers: Mapping[str, float]  # `TASK/METRIC`, its bounds with `_low` and `_high`, counts, throughput
    scores: Sequence[ScoreRow]
    samples: Callable[[], Iterator[tuple[str, Sequence[LoggedSample]]]]  # task after task; none without samples
    step: int = 0  # how often it was logged before to this place, with other content

    def at_step(self, step: int) -> LoggedRun:
        """The run to be logged after `step` times before."""
        return replace(self, step=step)


FILES = ("manifest.json", "scores.json", "leaderboard.md")


def run_config(run: FinishedRun) -> dict[str, Any]:
    """The manifest without the sessions, but for what is known of the last one that asked the model."""
    session = last_asking(run.manifest)
    kept = {"versions", "git_commit", "git_dirty", "code", "platform", "device_name", "batch_size", "replicas", "ray"}
    return run.manifest.model_dump(mode="json", exclude={"sessions", "schema_version"}) | {
        "session": session.model_dump(mode="json", include=kept) if session else {}
    }


def last_asking(manifest: Manifest) -> Session | None:
    """The last session that asked the model anything, else the last."""
    sessions = [session for session in manifest.sessions if session.answered] or manifest.sessions
    return sessions[-1] if sessions else None


def run_numbers(runs: Sequence[FinishedRun]) -> dict[str, float]:
    """Scores over whole tasks with their bounds, and counts, of a run and its judges; the run's throughput."""
    numbers: dict[str, float] = {}
    for run in runs:
        for task in run.scores.tasks:
            name = logged_name(run, task)
            for row in score_rows(task):
                if not row.group:
                    bounds = {"": row.value, "_low": row.low, "_high": row.high}
                    numbers |= {f"{name}/{row.metric}{end}": one for end, one in bounds.items() if one is not None}
            numbers |= {f"{name}/counts/{status}": count for status, count in task_counts(task).items()}
    return numbers | {f"throughput/{name}": value for name, value in throughput(runs[0].manifest).items()}


def score_rows(task: TaskScores) -> list[ScoreRow]:
    """Every metric of the task."""
    return [
        ScoreRow(
            task.name,
            task.protocol,
            metric.name,
            metric.group,
            metric.category,
            metric.value,
            metric.interval.low if metric.interval else None,
            metric.interval.high if metric.interval else None,
            metric.unit,
            metric.n,
        )
        for metric in task.metrics
    ]


def task_counts(task: TaskScores) -> dict[str, int]:
    """Samples by status; requests whose answer was cut off or empty, or whose prompt was cut, where that is known."""
    counts = task.counts.model_dump()
    if task.endings:
        ends = task.endings
        counts |= {"truncated": ends.length, "empty": ends.empty, "prompts_cut": ends.prompts_cut}
    return counts


def throughput(manifest: Manifest) -> dict[str, float]:
    """Sums over the sessions that asked the model and have ended. Rates are over the time that the engine ran."""
    totals: dict[str, float] = {}
    engine_seconds = 0.0
    for session in manifest.sessions:
        if session.stats is None or not session.answered:
            continue
        stats = {name: value for name, value in asdict(session.stats).items() if isinstance(value, int | float)}
        for name, value in {"answers": session.answered, **stats}.items():
            totals[name] = totals.get(name, 0) + value
        busy = session.stats.computing_seconds + session.stats.idle_seconds  # summed over the replicas
        engine_seconds += busy / max(session.replicas, 1) or _seconds(session)
    if engine_seconds:
        totals["answers_per_second"] = totals["answers"] / engine_seconds
        totals["new_tokens_per_second"] = totals["new_tokens"] / engine_seconds
    return totals


def _seconds(session: Session) -> float:
    """From the session's start to its end; loading the model included."""
    if session.finished is None:
        return 0.0
    return (datetime.fromisoformat(session.finished) - datetime.fromisoformat(session.started)).total_seconds()
