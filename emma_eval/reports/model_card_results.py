"""A run's scores as results of a model card: the hub's `model-index`, one entry a data set, one value a metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from emma_eval.errors import UserError
from emma_eval.reports.headline_metrics import interval_of, name_of, value_of
from emma_eval.reports.tables import Cell, Heading, Table, TableRow, as_percent
from emma_eval.results.judged import answered_run
from emma_eval.results.manifest import Manifest, read_manifest
from emma_eval.results.scores import MetricRecord, ScoredRun, TaskScores
from emma_eval.tasks.loading import load_task
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from emma_eval.tasks.sections import HubConfig

TOOL = "emma-eval"  # the value of `tool` in a metric's args, by which results of ours are found again
TASK_TYPE = "image-text-to-text"  # the hub's name for what every benchmark here asks
HEADS = ("metric", "value", "95% interval", "samples", "split", "protocol")
COMMIT = " at commit "


def eval_results(runs: Sequence[ScoredRun]) -> list[EvalResult]:
    """A result for every overall metric of every scored task, the primary one first, values in percent or points.

    Raises UserError for a task that is not whole, that two runs have, or for runs of different models.
    """
    _require_one_model(runs)
    found: list[EvalResult] = []
    for run, task in _tasks(runs):
        found += _results_of(run, task, read_manifest(answered_run(run.folder)))
    if not found:
        raise UserError(f"{runs[0].folder} holds no scored task")
    return found


def results_table(runs: Sequence[ScoredRun]) -> Table:
    """The same numbers for people: one row a metric, rounded."""
    rows = []
    for _, task in _tasks(runs):
        for metric in overall_metrics(task):
            first = metric.name == task.metric
            rows.append(TableRow(task.title if first else "", _cells(task, metric)))
    headings = tuple(Heading((head,)) for head in HEADS)
    return Table("results", "Results", "Benchmark", headings, tuple(rows), notes=_notes(runs))


def versions(runs: Sequence[ScoredRun]) -> list[str]:
    """The versions of this program that measured the runs, each with a blank before it, where they are known."""
    found = (_version(read_manifest(answered_run(run.folder))) for run in runs)
    return sorted({f" {version}" for version in found if version})


def overall_metrics(task: TaskScores) -> list[MetricRecord]:
    """The task's metrics that are neither a breakdown nor a count, nor of nothing; the primary one first."""
    found = [metric for metric in task.metrics if not metric.group and metric.unit != "count" and metric.n]
    return sorted(found, key=lambda metric: metric.name != task.metric)


def _tasks(runs: Sequence[ScoredRun]) -> Iterator[tuple[ScoredRun, TaskScores]]:
    return ((run, task) for run in runs for task in run.scores.tasks if task.metrics)


def _require_one_model(runs: Sequence[ScoredRun]) -> None:
    first = runs[0]
    seen: dict[tuple[str, str], ScoredRun] = {}
    for run in runs:
        if run.scores.model.weights != first.scores.model.weights:
            raise UserError(f"{run.folder} is of another model than {first.folder}: a model card is of one model")
        for task in run.scores.tasks:
            key = task.name, _judge(task)
            if task.metrics and key in seen:
                raise UserError(f"{seen[key].folder} and {run.folder} both have the task {task.name}: name one")
            if task.metrics:
                seen[key] = run
            if not task.complete:
                raise UserError(
                    f"{run.folder}: the task {task.name} was not asked whole (--limit or --allow-partial); a model "
                    "card holds scores of whole benchmarks: run it without"
                )


def _results_of(run: ScoredRun, task: TaskScores, manifest: Manifest | None) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    hub = _hub_of(task.name)
    for metric in overall_metrics(task):
        yield EvalResult(
            task_type=TASK_TYPE,
            dataset_type=hub.id if hub else task.name,
            dataset_name=task.title,
            dataset_config=hub.config if hub else None,
            dataset_split=(hub.split if hub else "") or task.split,
            dataset_revision=_hub_revision(task.name, manifest),
            metric_type=metric.name,
            metric_value=as_percent(metric.value, metric.unit),
            metric_name=f"{name_of(metric)} ({', '.join((task.name, *_ways(task)))})",
            metric_args=_arguments(run, task, metric, manifest),
        )


def _hub_of(task: str) -> HubConfig | None:
    """The data set on the hub that the task's file names; None where no such file is known here, or it names none."""
    try:
        return load_task(task).hub
    except UserError:
        return None


def _hub_revision(task: str, manifest: Manifest | None) -> str | None:
    """The commit of the hub's data set, where the run read its questions from there."""
    facts = manifest.tasks.get(task) if manifest else None
    commit = facts.data.get("hub", "").partition(COMMIT)[2] if facts else ""
    return commit or None


def _arguments(run: ScoredRun, task: TaskScores, metric: MetricRecord, manifest: Manifest | None) -> dict[str, Any]:
    """What a reader needs to judge the value. Numbers of an interval are in the value's unit."""
    interval = metric.interval
    bounds = [as_percent(bound, metric.unit) for bound in (interval.low, interval.high)] if interval else None
    known = {
        "tool": TOOL,
        "version": _version(manifest),
        "task": task.name,
        "protocol": task.protocol,
        "judge": _judge(task),
        "unit": "percent" if metric.unit == "fraction" else metric.unit,
        "n": metric.n,
        "samples": task.counts.samples,
        "answered": task.counts.answered,
        "interval_95": bounds,
        "release": task.release,
        "wording": task.wording,
        "template": task.setup.template,
        "dtype": run.scores.model.dtype,
        "reference_digest": task.setup.reference_digest,
    }
    return {key: value for key, value in known.items() if value not in (None, "")}


def _judge(task: TaskScores) -> str:
    """The judge whose verdicts the scores rest on, as tables name it; empty where they rest on none."""
    return task.judge.label if task.judge else ""


def _ways(task: TaskScores) -> list[str]:
    """How it was scored, in words."""
    return [f"protocol {task.protocol}", *filter(None, [_judge(task)])]


def _version(manifest: Manifest | None) -> str:
    return manifest.sessions[-1].versions.get("emma_eval", "") if manifest and manifest.sessions else ""


def _cells(task: TaskScores, metric: MetricRecord) -> tuple[Cell, ...]:
    return (
        Cell(name_of(metric)),
        Cell(value_of(metric)),
        Cell(interval_of(metric)),
        Cell(f"{metric.n:,}"),
        Cell(task.split),
        Cell(", ".join(_ways(task)).removeprefix("protocol ")),
    )


def _notes(runs: Sequence[ScoredRun]) -> tuple[str, ...]:
    """The remarks on tasks, each once with the titles of those that it is about."""
    titles: dict[str, list[str]] = {}
    for _, task in _tasks(runs):
        for remark in _remarks(task):
            titles.setdefault(remark, []).append(task.title)
    return tuple(f"{', '.join(about)}: {remark}." for remark, about in titles.items())


def _remarks(task: TaskScores) -> Iterator[str]:
    counts = task.counts
    if counts.without_answer:
        without = pluralize(counts.without_answer, "sample")
        yield f"{without} of {counts.samples:,} without an answer, counted as wrong"
    if task.mini:
        yield "a synthetic suite that tests this program"
    if task.endings:
        yield from task.endings.remarks()
