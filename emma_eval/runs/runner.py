"""A run from beginning to end: read the data, ask what is not answered yet, score, write the leaderboard.

Whatever is written is on the disk before the next thing begins, so every session starts from what the last one left,
however that one ended. Scores are always computed from the whole record, never from what a session remembers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from emma_eval import inference
from emma_eval.inference.stats import Usage
from emma_eval.models.base import Model
from emma_eval.reports.published import Published, load_published
from emma_eval.reports.write import write_leaderboard
from emma_eval.results.lock import locked
from emma_eval.results.responses import ResponseLog, read_responses, record_path
from emma_eval.results.sample_statistics import write_task_statistics
from emma_eval.results.scores import SCORES_FILE, ModelRecord, ScoredRun, ScoresFile
from emma_eval.runs.model_source import ModelSource
from emma_eval.runs.plan import TaskPlan, plan_task
from emma_eval.runs.progress import Progress
from emma_eval.runs.scoring import Responses, score_task
from emma_eval.runs.session import RunSession
from emma_eval.runs.settings import RunSettings
from emma_eval.types import Request, Response
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.records import to_json

Answerer = Callable[[Model, Sequence[Request], int | Literal["auto"], Usage], Generator[tuple[int, Response]]]


class TooManyFailuresError(Exception):
    """More requests failed than --max-errors allows. What is done is kept."""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run."""

    folder: Path
    failed: int  # samples without an answer; requests, where nothing was scored
    scores: ScoresFile | None  # None: answers only


@dataclass(slots=True)
class _Tally:
    """What this session has done, for the manifest."""

    answered: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)


def execute(
    settings: RunSettings, source: ModelSource, folder: Path, progress: Progress, answer: Answerer | None = None
) -> Result:
    """Run, or go on with, the evaluation in `folder`. `answer` asks the model.

    Raises UserError for a user's mistake, found before the model is loaded where it can be; TooManyFailuresError when
    --max-errors is passed; OSError when the disk is full. Whichever way it ends, the same call goes on from there.
    """
    plans = [plan_task(name, settings) for name in settings.tasks]
    published = load_published()
    make_output_folder(folder)
    with locked(folder), progress:
        session = RunSession(settings, source, folder, plans, progress)
        tally = _Tally()
        try:
            answer_all(session, settings, progress, tally, answer or inference.answer)
            result = answered(session) if settings.answers_only else scored(session, published)
        except BaseException as error:
            with suppress(OSError):  # on a full disk the error under way tells more
                session.end(
                    "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped",
                    tally.answered,
                    tally.failed,
                    tally.usage,
                )
            raise
        session.end("finished", tally.answered, tally.failed, tally.usage)
    return result


def answer_all(session: RunSession, settings: RunSettings, progress: Progress, tally: _Tally, answer: Answerer) -> None:
    """Ask whatever the record does not answer yet, as one queue over all tasks, appending each answer as it comes."""
    recorded = {plan.task.name: recorded_responses(session.folder, plan) for plan in session.plans}
    pending = {
        plan.task.name: unanswered(plan.requests, recorded[plan.task.name], settings.retry_failed)
        for plan in session.plans
    }
    if not any(pending.values()):
        progress.message(f"everything is answered already in {session.folder}")
        return
    model = session.model()
    session.record_device()
    totals = {plan.task.name: len(plan.requests) for plan in session.plans}
    progress.start({name: (total, total - len(pending[name])) for name, total in totals.items()})
    queue = [(name, request) for name, requests in pending.items() for request in requests]
    again = {(name, request.key) for name, request in queue}
    failures = sum(
        response.text is None and (name, key) not in again
        for name, responses in recorded.items()
        for key, response in responses.items()
    )
    with ExitStack() as open_logs:
        logs = {
            name: open_logs.enter_context(ResponseLog(record_path(session.folder, name)))
            for name, requests in pending.items()
            if requests
        }
        answers = answer(model, [request for _, request in queue], settings.batch_size, tally.usage)
        for number, response in open_logs.enter_context(closing(answers)):
            name, failed = queue[number][0], response.text is None
            logs[name].append(response)
            tally.answered += 1
            tally.failed += failed
            progress.advance(name, failed)
            check_failures(settings, failures + tally.failed, sum(totals.values()), response)
    progress.message(str(tally.usage))


def answered(session: RunSession) -> Result:
    """The run as far as it goes without scores."""
    responses = (recorded_responses(session.folder, plan).values() for plan in session.plans)
    return Result(session.folder, sum(one.text is None for of_task in responses for one in of_task), None)


def scored(session: RunSession, published: Published) -> Result:
    """The run with its scores and leaderboard."""
    scores = score_all(session)
    write_leaderboard(session.folder, [ScoredRun(session.folder, scores)], published)
    failed = sum(task.counts.failed + task.counts.missing for task in scores.tasks)
    return Result(session.folder, failed, scores)


def check_failures(settings: RunSettings, failures: int, requests: int, response: Response) -> None:
    """Raise TooManyFailuresError if the run has failed more often than it may, earlier sessions included."""
    limit = settings.max_errors
    if response.text is None and limit and not limit.allows(failures, requests):
        raise TooManyFailuresError(
            f"stopped: {failures} of {requests} requests failed, more than --max-errors {limit} allows; "
            f"the last one, sample {response.sample_id}: {response.error}"
        )


def recorded_responses(folder: Path, plan: TaskPlan) -> Responses:
    """The last response to each request that has one."""
    return {response.key: response for response in read_responses(record_path(folder, plan.task.name))}


def unanswered(requests: Sequence[Request], recorded: Responses, retry_failed: bool) -> list[Request]:
    """The requests without a response; with `retry_failed` also those whose last response is a failure."""

    def is_open(request: Request) -> bool:
        response = recorded.get(request.key)
        return response is None or (retry_failed and response.text is None)

    return [request for request in requests if is_open(request)]


def score_all(session: RunSession) -> ScoresFile:
    """Score every task from its whole record; write `scores.json`, `samples/` and `evidence/`."""
    tasks = []
    samples_folder = session.folder / "samples"
    samples_folder.mkdir(exist_ok=True)
    for plan in session.plans:
        task_scores, scores = score_task(plan, recorded_responses(session.folder, plan))
        tasks.append(task_scores)
        lines = (json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in scores.samples)
        write_atomic(samples_folder / f"{plan.task.name}.jsonl", "".join(lines))
        write_task_statistics(session.folder, task_scores, plan.facts, scores)
    facts = session.manifest.model
    model = ModelRecord(
        name=facts.name,
        weights=facts.weights,
        dtype=facts.dtype or "",
        fast_preprocess=session.manifest.settings.fast_preprocess,
    )
    result = ScoresFile(model=model, name=session.manifest.name, tasks=tuple(tasks))
    write_atomic(session.folder / SCORES_FILE, to_json(result))
    return result
