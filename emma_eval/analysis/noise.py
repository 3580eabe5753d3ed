"""Compares two runs of one model that differ in the arithmetic alone: how many answers and scores are not the same."""

from __future__ import annotations

from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.results.manifest import read_manifest
from emma_eval.results.noise import AskedHow, Noise, TaskNoise
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.sample_statistics import TaskStatistics, read_task_statistics
from emma_eval.results.scores import read_scores


def measure_noise(first: Path, second: Path) -> Noise:
    """What differs between two finished runs. Raises UserError for runs of two models, tasks or sets of samples."""
    scores, others = read_scores(first), read_scores(second)
    if scores.model.weights != others.model.weights:
        raise UserError(f"{first} and {second} are runs of different models; noise is that of one")
    statistics = {one.task: one for one in read_task_statistics(first)}
    again = {one.task: one for one in read_task_statistics(second)}
    if statistics.keys() != again.keys():
        raise UserError(f"{first} and {second} are runs of different tasks; noise is that of the same questions")
    return Noise(
        model=scores.model,
        first=_asked_how(first),
        second=_asked_how(second),
        tasks=tuple(_task_noise(statistics[task], again[task], first, second) for task in statistics),
    )


def _task_noise(statistics: TaskStatistics, again: TaskStatistics, first: Path, second: Path) -> TaskNoise:
    task, samples, others = statistics.task, statistics.scores.samples, again.scores.samples
    if [one.id for one in samples] != [one.id for one in others]:
        raise UserError(f"task {task}: the samples of {first} and {second} differ")
    texts, other_texts = _texts(first, task), _texts(second, task)
    return TaskNoise(
        task=task,
        answers=len(texts.keys() | other_texts.keys()),
        changed_answers=sum(texts.get(key) != other_texts.get(key) for key in texts.keys() | other_texts.keys()),
        samples=len(samples),
        changed_scores=sum(one.score != other.score for one, other in zip(samples, others, strict=True)),
    )


def _texts(run: Path, task: str) -> dict[tuple[str, int], str | None]:
    return {one.key: one.text for one in read_responses(log_path(run, task))}


def require_batch_size(run: Path, batch_size: int | str) -> None:
    """Raise UserError if a run that is to go on has been asked in batches of another size until now."""
    manifest = read_manifest(run)
    for session in manifest.sessions if manifest else ():
        if session.batch_size != batch_size:
            raise UserError(
                f"{run} was asked with batch size {session.batch_size}, so what would change an answer is not known; "
                "name another folder with --output"
            )


def _asked_how(run: Path) -> AskedHow:
    """By all sessions of a run. Raises UserError if they asked in different ways."""
    manifest = read_manifest(run)
    if manifest is None or not manifest.sessions:
        raise UserError(f"{run} is not a run folder: it has no manifest.json")
    size = manifest.sessions[-1].batch_size
    require_batch_size(run, size)
    return AskedHow(batch_size=size, dtype=manifest.model.dtype, device=manifest.model.device)
