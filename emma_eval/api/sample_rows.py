"""The samples of a run as rows: what was asked, what was expected, what was answered, how it was scored.

A run folder holds prompts, answers and scores; questions, references, options and images come from the task's data. If
those are gone, or are not the run's, these columns are empty, and the reason is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from emma_eval.data.run_samples import RunSamples, as_seen, find_run_samples
from emma_eval.prompts.building import build_requests
from emma_eval.results.judged import answered_run
from emma_eval.results.manifest import Manifest, require_manifest
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.sample_scores import read_sample_scores
from emma_eval.results.scores import SCORES_FILE, ScoresFile, read_scores
from emma_eval.tasks.loading import load_task
from emma_eval.types import Key, Response, Sample, SampleScore, SampleStatus
from emma_eval.utils.gc_utils import gc_paused

JOINED_BY = " | "  # between the answers of a circular question


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One sample of a run. What is not known is None."""

    task: str
    id: str
    status: SampleStatus
    score: float | None = None  # 0 to 1; None where nothing is scored
    parsed_answer: str | None = None  # the answer as the scorer read it, empty if it found none
    answer: str | None = None  # the model's text; of several passes all, joined by JOINED_BY
    error: str | None = None  # why there is no answer
    question: str | None = None  # as the benchmark has it
    references: list[str] | None = None
    options: list[str] | None = None
    category: str | None = None
    images: list[str] | None = None  # each image's path, or the row of a data set that holds it
    prompt: str | None = None  # as the model read it; of several passes the first
    instruction: str | None = None  # what EMMA's text encoder read, likewise
    finish_reason: str | None = None  # stop, length, error; of several passes each different one
    tokens: int | None = None  # new ones, of all passes
    seconds: float | None = None  # likewise
    passes: int = 1  # requests that were answered, or failed


COLUMNS = tuple(field.name for field in fields(SampleRow))


@dataclass(frozen=True, slots=True)
class TaskRows:
    """The rows of one task, and what is amiss with them."""

    rows: Sequence[SampleRow]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRecords:
    """What a run folder, or the folder of a judge's scores below it, says of itself."""

    folder: Path  # of the scores
    answers: Path  # of manifest and responses
    manifest: Manifest
    scores: ScoresFile | None  # None: not scored yet

    @classmethod
    def read(cls, folder: Path) -> RunRecords:
        """The records in a folder. Raises UserError if it is no run folder, or they can't be read."""
        answers = answered_run(folder)
        manifest = require_manifest(answers)
        scored = (folder / SCORES_FILE).exists()
        return cls(folder, answers, manifest, read_scores(folder) if scored else None)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of its tasks; of a judge those that it has judged."""
        judged = self.folder != self.answers and self.scores
        return tuple(task.name for task in judged.tasks) if judged else tuple(self.manifest.tasks)


def run_rows(
    records: RunRecords, tasks: Iterable[str], data: Path | None, files: Mapping[str, Mapping[str, Path]]
) -> Iterator[TaskRows]:
    """The rows of several tasks, one task after the other. `files` maps a task to its data files by their keys."""
    for task in tasks:
        found = find_run_samples([records.manifest], task, data, files.get(task))
        with gc_paused():
            rows = task_rows(records, task, found)
        yield rows


def task_rows(records: RunRecords, task: str, found: RunSamples) -> TaskRows:
    """The rows of a task of a run folder, in the benchmark's order. Raises UserError for a file that can't be read."""
    responses: dict[str, list[Response]] = {}
    last = {response.key: response for response in read_responses(log_path(records.answers, task))}
    for _, response in sorted(last.items(), key=lambda item: item[0][1]):
        responses.setdefault(response.sample_id, []).append(response)
    samples = as_seen(records.manifest, task, found.samples)
    problem = found.problem.removeprefix(f"task {task}: ")
    problems = [f"{task}: question, references, options and images are empty: {problem}"] if problem else []
    scored = next((one for one in records.scores.tasks if one.name == task), None) if records.scores else None
    if scored is not None:
        own_scores = read_sample_scores(records.folder, task)
        newer = sum(one.status != "answered" and _is_answered(responses.get(one.id, ())) for one in own_scores)
        if newer:
            problems.append(f"{task}: {newer:,} answers are newer than the scores: evaluate again, which asks nothing")
    else:
        own_scores, more = _unscored(records.manifest, task, samples, last)
        problems += more
    has_values = bool(scored and scored.metrics)  # none where references are held back
    by_position = [sample.id for sample in samples] == [one.id for one in own_scores]  # ids may be repeated
    by_id = {sample.id: sample for sample in samples}
    rows = [
        _row(task, one, samples[index] if by_position else by_id.get(one.id), responses.get(one.id, ()), has_values)
        for index, one in enumerate(own_scores)
    ]
    return TaskRows(rows, tuple(problems))


def _unscored(
    manifest: Manifest, task: str, samples: Sequence[Sample], responses: Mapping[Key, Response]
) -> tuple[list[SampleScore], list[str]]:
    """The status of each sample of a task that is not scored yet, and what is not known of it."""
    facts, of_shard = manifest.tasks[task], manifest.settings.shard
    ids = list(dict.fromkeys(sample_id for sample_id, _ in responses))
    problems = []
    passes: dict[str, int] = {}
    if samples and not of_shard:
        worded = load_task(task)
        worded = worded.with_wording(facts.wording) if facts.wording else worded
        for request in build_requests(worded, samples):
            passes[request.sample_id] = passes.get(request.sample_id, 0) + 1
        ids = [sample.id for sample in samples]
    elif (missing := facts.asked - len(responses)) > 0:
        why = "which of them a shard asks is not told" if of_shard else "the task's data name them"
        problems.append(f"{task}: {missing:,} requests without an answer are not listed: {why}")
    statuses: dict[str, list[bool]] = {}
    for (sample_id, _), response in responses.items():
        statuses.setdefault(sample_id, []).append(response.text is not None)

    def status(sample_id: str) -> SampleStatus:
        known = statuses.get(sample_id, [])
        if not all(known):
            return "failed"
        return "missing" if len(known) < passes.get(sample_id, 1) else "answered"

    return [SampleScore(sample_id, 0.0, "", status(sample_id)) for sample_id in ids], problems


def _is_answered(responses: Sequence[Response]) -> bool:
    return bool(responses) and all(response.text is not None for response in responses)


def _row(
    task: str, score: SampleScore, sample: Sample | None, responses: Sequence[Response], has_values: bool
) -> SampleRow:
    texts = [response.text for response in responses if response.text is not None]
    errors = list(dict.fromkeys(response.error for response in responses if response.error))
    reasons = list(dict.fromkeys(response.finish_reason for response in responses if response.finish_reason))
    first = responses[0] if responses else None
    return SampleRow(
        task=task,
        id=score.id,
        status=score.status,
        score=score.score if has_values else None,
        parsed_answer=score.parsed_answer if has_values else None,
        answer=JOINED_BY.join(texts) if texts else None,
        error="; ".join(errors) or None,
        question=sample.question if sample else None,
        references=list(sample.references) if sample else None,
        options=list(sample.options) if sample else None,
        category=sample.category if sample else None,
        images=[image.label for image in sample.images] if sample else None,
        prompt=first.prompt if first else None,
        instruction=first.instruction if first else None,
        finish_reason=", ".join(reasons) or None,
        tokens=sum(response.tokens for response in responses) if responses else None,
        seconds=sum(response.seconds for response in responses) if responses else None,
        passes=len(responses),
    )
