"""Reads finished runs for a report: scores, manifest, and all responses and sample scores of each task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.results import scores as scores_file
from emma_eval.results.judged import answered_run
from emma_eval.results.manifest import Manifest, require_manifest
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.run_labels import labels
from emma_eval.results.sample_scores import read_sample_scores
from emma_eval.results.sample_statistics import TaskStatistics, read_task_statistics
from emma_eval.results.scores import ScoredRun, ScoresFile, TaskScores
from emma_eval.types import Key, Response, SampleScore


@dataclass(frozen=True, slots=True)
class TaskResults:
    """The responses and sample scores of one task of one run."""

    run: int  # its index among the reported runs
    scores: TaskScores
    responses: Mapping[Key, Response]  # the last of each request
    samples: Mapping[str, SampleScore]  # by sample id, in the benchmark's order


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run to report on."""

    folder: Path
    label: str  # distinct among the reported runs
    scores: ScoresFile  # with a distinct title for each task of the reported runs
    manifest: Manifest
    as_scored: ScoredRun  # with the titles on disk


def read_runs(folders: Sequence[Path]) -> list[FinishedRun]:
    """The runs, with distinct labels. Raises UserError for a folder without a finished run."""
    runs = scores_file.read_runs(folders)
    names = labels([run.label_parts for run in runs])
    return with_distinct_titles(
        [
            FinishedRun(run.folder, name, run.scores, require_manifest(answered_run(run.folder)), run)
            for run, name in zip(runs, names, strict=True)
        ]
    )


def with_distinct_titles(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """The runs, with a title for each task's name that no other name has."""
    titles = _titles([task for run in runs for task in run.scores.tasks])
    return [replace(run, scores=_with_titles(run.scores, titles)) for run in runs]


def _titles(tasks: Sequence[TaskScores]) -> dict[str, str]:
    """Task name -> title, followed by the name if tasks of other names have the same title."""
    first = {task.name: task.title for task in reversed(tasks)}
    shared = Counter(first.values())
    return {name: f"{title}, task {name}" if shared[title] > 1 else title for name, title in first.items()}


def _with_titles(scores: ScoresFile, titles: Mapping[str, str]) -> ScoresFile:
    tasks = tuple(task.model_copy(update={"title": titles[task.name]}) for task in scores.tasks)
    return scores.model_copy(update={"tasks": tasks})


def task_names(runs: Sequence[FinishedRun]) -> list[str]:
    """The names of all tasks of the runs, in the runs' order."""
    return list(dict.fromkeys(task.name for run in runs for task in run.scores.tasks))


def load_task_results(runs: Sequence[FinishedRun], name: str) -> list[TaskResults]:
    """The task's results in each run that has it. Raises UserError for a file that can't be read."""
    return [
        TaskResults(number, task, _responses(answered_run(run.folder), name), _samples(run.folder, name))
        for number, run in enumerate(runs)
        for task in run.scores.tasks
        if task.name == name
    ]


def statistics_by_run(runs: Sequence[FinishedRun]) -> tuple[dict[int, list[TaskStatistics]], list[str]]:
    """(index of a run -> its statistics, why other runs have none)."""
    found, problems = {}, []
    for number, run in enumerate(runs):
        try:
            found[number] = read_task_statistics(run.folder)
        except UserError as error:
            problems.append(str(error))
    return found, problems


def _responses(folder: Path, task: str) -> Mapping[Key, Response]:
    return {response.key: response for response in read_responses(log_path(folder, task))}


def _samples(folder: Path, task: str) -> Mapping[str, SampleScore]:
    return {sample.id: sample for sample in read_sample_scores(folder, task)}
