"""A run from beginning to end: read the data, generate the answers that are missing, score, write the leaderboard.

Whatever is written is on the disk before the next step begins, so every session starts from what the last one left,
however that one ended. Scores are computed from all recorded responses, those of earlier sessions included.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from emma_eval.errors import EmmaEvalError
from emma_eval.inference.engine import prepare_engine
from emma_eval.inference.replicas.loading import require_fit
from emma_eval.inference.runner import run_requests
from emma_eval.models import ModelHandle, find_model
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.leaderboard_files import write_leaderboard
from emma_eval.reports.published import Published, load_published
from emma_eval.results.lock import lock_run_folder
from emma_eval.results.manifest import Outcome, read_manifest, served_in_all
from emma_eval.results.sample_scores import write_sample_scores
from emma_eval.results.sample_statistics import write_task_statistics
from emma_eval.results.scores import SCORES_FILE, ModelRecord, ScoredRun, ScoresFile
from emma_eval.runs.plan import TaskPlan, plan_tasks
from emma_eval.runs.progress import RunProgress
from emma_eval.runs.response_store import ResponseStore
from emma_eval.runs.scoring import score_task
from emma_eval.runs.session import RunSession, open_session
from emma_eval.runs.settings import RunSettings
from emma_eval.types import InferenceStats, Response
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.records import to_json
from emma_eval.utils.text import pluralize


class TooManyFailuresError(EmmaEvalError):
    """More requests failed than --max-errors allows. All responses are kept."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run."""

    folder: Path
    failed: int  # samples without an answer; requests, where nothing was scored
    scores: ScoresFile | None = None  # None: answers only
    leaderboard: Leaderboard | None = None  # likewise


@dataclass(slots=True)
class SessionCounts:
    """What this session has done, for the manifest."""

    answered: int = 0  # requests, failed ones included
    failed: int = 0
    stats: InferenceStats = field(default_factory=InferenceStats)


def run_evaluation(
    settings: RunSettings,
    folder: Path,
    progress: RunProgress,
    model: ModelHandle | None = None,
    plans: Sequence[TaskPlan] | None = None,
) -> RunResult:
    """Run the evaluation in `folder`, or go on with it.

    `model` is what `find_model(settings.model)` gives and `plans` what `plan_tasks(settings)` gives, where the caller
    has them: several runs on the same plans have the very same samples and images, which are read once.

    Raises UserError for a user's mistake, before the model is loaded where it can be found so early;
    TooManyFailuresError when --max-errors is passed; OSError when the disk is full. Whichever way it ends, the same
    call goes on from there.
    """
    model = find_model(settings.model) if model is None else model
    if read_manifest(folder) is None:  # a run that is complete is scored on any machine
        model.check_place(device_too=settings.scale.is_one_here)
    require_fit(model, settings.scale, settings.engine)
    plans = plan_tasks(settings) if plans is None else plans
    published = load_published()
    make_output_folder(folder)
    with lock_run_folder(folder), progress, closing(open_session(settings, model, folder, plans, progress)) as session:
        counts = SessionCounts()
        try:
            store = ResponseStore(folder, settings.tasks)
            generate_missing(session, store, settings, progress, counts)
            unscored = settings.answers_only or settings.shard is not None
            result = unscored_result(session, store) if unscored else scored_result(session, store, published)
        except BaseException as error:
            with suppress(OSError):  # on a full disk the error under way tells more
                outcome: Outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped"
                session.end(outcome, counts.answered, counts.failed, counts.stats)
            raise
        session.end("finished", counts.answered, counts.failed, counts.stats)
    return result


def generate_missing(
    session: RunSession, store: ResponseStore, settings: RunSettings, progress: RunProgress, counts: SessionCounts
) -> None:
    """Generate the responses that are not recorded yet, as one queue over all tasks; append each as it comes."""
    missing = {
        plan.task.name: store.unanswered(plan.task.name, plan.requests, settings.retry_failed) for plan in session.plans
    }
    queue = [(task, request) for task, requests in missing.items() for request in requests]
    if not queue:
        progress.message(f"everything is answered already in {session.folder}{_failures(session, store)}")
        return
    engine = session.engine()
    session.record_device()
    prepare_engine(engine, [request for _, request in queue], progress.message)
    totals = {plan.task.name: len(plan.requests) for plan in session.plans}
    progress.start({task: (total, total - len(missing[task])) for task, total in totals.items()})
    retried = {(task, request.key) for task, request in queue}
    earlier_failures = sum(
        response.text is None and (task, key) not in retried
        for task in missing
        for key, response in store.of(task).items()
    )
    with (
        store.appending([task for task, requests in missing.items() if requests]) as append,
        closing(run_requests(engine, [request for _, request in queue], counts.stats)) as responses,
    ):
        for index, response in responses:
            task, failed = queue[index][0], response.text is None
            append(task, response)
            counts.answered += 1
            counts.failed += failed
            progress.advance(task, failed)
            session.record_progress(counts.answered, counts.failed, counts.stats)
            _check_failures(settings, earlier_failures + counts.failed, sum(totals.values()), response)
    progress.message(str(counts.stats))
    if counts.stats.server and (before := served_in_all(session.earlier)):
        progress.message(f"in all sessions: {before + counts.stats.server}")


def _failures(session: RunSession, store: ResponseStore) -> str:
    """How many recorded requests have failed, and what asks them again; empty without any."""
    failed = sum(response.text is None for plan in session.plans for response in store.of(plan.task.name).values())
    return f"; {pluralize(failed, 'request')} failed, --retry-failed asks again" if failed else ""


def _check_failures(settings: RunSettings, failures: int, requests: int, response: Response) -> None:
    """Raise TooManyFailuresError if more requests have failed than may, those of earlier sessions included."""
    limit = settings.max_errors
    if response.text is None and limit and not limit.allows(failures, requests):
        raise TooManyFailuresError(
            f"stopped: {failures} of {requests} requests failed, more than --max-errors {limit} allows; "
            f"the last one, sample {response.sample_id}: {response.error}; the same command goes on, with "
            "--retry-failed it asks the failed ones again"
        )


def unscored_result(session: RunSession, store: ResponseStore) -> RunResult:
    """The result of a session that leaves scoring to another."""
    failed = sum(one.text is None for plan in session.plans for one in store.of(plan.task.name).values())
    return RunResult(session.folder, failed)


def scored_result(session: RunSession, store: ResponseStore, published: Published) -> RunResult:
    """The result of a session that scores all responses; writes scores and leaderboard."""
    scores = score_run(session, store)
    leaderboard = Leaderboard([ScoredRun(session.folder, scores)], published)
    write_leaderboard(session.folder, leaderboard)
    failed = sum(task.counts.without_answer for task in scores.tasks)
    return RunResult(session.folder, failed, scores, leaderboard)


def score_run(session: RunSession, store: ResponseStore) -> ScoresFile:
    """Score every task from all its responses; write `scores.json`, `samples/` and `statistics/`."""
    tasks = []
    for plan in session.plans:
        task_scores, scores = score_task(plan, store.of(plan.task.name))
        tasks.append(task_scores)
        write_sample_scores(session.folder, plan.task.name, scores.samples)
        write_task_statistics(session.folder, task_scores, plan.facts, scores)
    facts = session.manifest.model
    model = ModelRecord(
        name=facts.name,
        weights=facts.weights,
        dtype=facts.dtype or "",
        fast_preprocess=session.manifest.settings.model_options.get("fast_preprocess") == "true",
    )
    result = ScoresFile(model=model, name=session.manifest.name, tasks=tuple(tasks))
    write_atomic(session.folder / SCORES_FILE, to_json(result))
    return result
