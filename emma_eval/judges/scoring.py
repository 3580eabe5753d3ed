"""The scores that follow from a judge's verdicts, written beside the run whose answers they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from emma_eval.errors import UserError
from emma_eval.judges.session import CollectedVerdicts, JudgeSession
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.results.judged import JudgeRecord
from emma_eval.results.manifest import TaskFacts
from emma_eval.results.responses import log_path
from emma_eval.results.sample_scores import write_sample_scores
from emma_eval.results.sample_statistics import write_task_statistics
from emma_eval.results.scores import SCORES_FILE, Counts, MetricRecord, ScoresFile, TaskScores
from emma_eval.types import SampleScore, Scores
from emma_eval.utils.files import sha256_of_file, write_atomic
from emma_eval.utils.records import to_json
from emma_eval.utils.text import pluralize

FEWEST = 5  # verdicts of which not one is understood: it is no judge


@dataclass(frozen=True, slots=True)
class AnsweredRun:
    """A finished run: what it says of itself and of the task that is judged."""

    folder: Path
    scores: ScoresFile
    task: TaskScores
    facts: TaskFacts
    metric: str  # the task's primary metric
    config: str  # the digest of the task file, with its default protocol


def write_judged_scores(
    folder: Path, run: AnsweredRun, task: JudgedTask, session: JudgeSession, collected: CollectedVerdicts
) -> TaskScores:
    """Count the verdicts and write `scores.json`, `samples/` and `statistics/` into the judge's folder.

    Raises UserError if no reply was of the form that was asked for.
    """
    judge = _record(run, session, collected)
    if judge.unparsed == judge.verdicts >= FEWEST:
        reply = collected.unparsed[0].replies[-1]
        raise UserError(
            f"no scores: of {judge.verdicts:,} verdicts of {judge.name} none is of the form that "
            f"{session.judge.source} asks for; the first: {reply!r:.100}"
        )
    scores = session.judge.scores(task, collected.replies)
    samples = tuple(_with_statuses(scores.samples, run.task))
    record = run.task.model_copy(
        update={
            "protocol": judge.label,
            "metric": run.metric,
            "setup": run.task.setup.model_copy(update={"config": run.config}),
            "counts": Counts.of(samples),
            "mean_score": fmean(sample.score for sample in samples),
            "metrics": MetricRecord.all_of(scores),
            "notes": tuple(_notes(run.task, judge, scores)),
            "baseline": None,
            "judge": judge,
        }
    )
    scores = replace(scores, samples=samples)
    write_sample_scores(folder, task.name, samples)
    write_task_statistics(folder, record, run.facts, scores)
    write_atomic(folder / SCORES_FILE, to_json(run.scores.model_copy(update={"tasks": (record,)})))
    return record


def _record(run: AnsweredRun, session: JudgeSession, collected: CollectedVerdicts) -> JudgeRecord:
    verdicts = [verdict for of_key in collected.verdicts.values() for verdict in of_key]
    return JudgeRecord(
        name=session.model.name,
        served_as=tuple(sorted({verdict.model for verdict in verdicts} - {""})),
        host=session.model.host,
        options=dict(session.model.options),
        prompt=session.judge.prompt_digest,
        fingerprint=session.fingerprint,
        answers=sha256_of_file(log_path(run.folder, run.task.name)),
        repeats=session.repeats,
        verdicts=len(verdicts),
        unparsed=len(collected.unparsed),
        prompt_tokens=sum(verdict.prompt_tokens for verdict in verdicts),
        new_tokens=sum(verdict.new_tokens for verdict in verdicts),
    )


def _with_statuses(samples: tuple[SampleScore, ...], task: TaskScores) -> Iterator[SampleScore]:
    failed = Counter(failure.id for failure in task.failed)
    for sample in samples:
        yield replace(sample, status="failed") if sample.id in failed else sample


def _notes(task: TaskScores, judge: JudgeRecord, scores: Scores) -> Iterator[str]:
    yield from task.endings.remarks() if task.endings else ()
    yield from scores.notes
    if len(judge.served_as) > 1:
        yield f"the server named several models: {', '.join(judge.served_as)}; so these scores compare with no others"
    if judge.unparsed:
        yield (
            f"{judge.unparsed:,} of {pluralize(judge.verdicts, 'verdict')} are not of the form that was asked for, and "
            "count as the official tool counts them"
        )
