"""Scores a task from its responses: failures count as wrong and are listed with their reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from emma_eval.analysis.majority_baseline import majority_baseline
from emma_eval.results.scores import Counts, Endings, EvaluationSetup, FailedSample, MetricRecord, TaskScores
from emma_eval.runs.plan import TaskPlan
from emma_eval.runs.response_store import Responses
from emma_eval.scorers.common import references_are_known
from emma_eval.tasks.wording import is_published
from emma_eval.types import Answer, Key, SampleScore, SampleStatus, Scores

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

HELD_BACK = "expected answers are held back, so nothing is scored here: `submit` writes the file for the server"


def score_task(plan: TaskPlan, responses: Responses) -> tuple[TaskScores, Scores]:
    """The task's record for the scores file, and the scorer's own result with each sample's status.

    Raises UserError for samples that the scorer cannot score.
    """
    messages = {request.key: request.message for request in plan.requests}  # with markers as no template changes them
    answers = {
        key: Answer(response.text, messages.get(key, response.prompt))
        for key, response in responses.items()
        if response.text is not None
    }
    failed = [
        FailedSample(id=request.sample_id, pass_index=request.pass_index, reason=response.error or "")
        for request in plan.requests
        if (response := responses.get(request.key)) and response.text is None
    ]
    scores, baseline = Scores((), (), (unscored_note(plan.task),)), None
    if references_are_known(plan.samples):
        from emma_eval.scorers import get_scorer

        config = plan.task.scorer_config(plan.protocol)
        scorer = get_scorer(config.scorer, **config.options)
        scores = scorer(plan.samples, answers)
        if plan.task.suite:
            prompts = {key: Answer("", message) for key, message in messages.items()}
            baseline = majority_baseline(scorer, plan.samples, prompts, scores)
    ends = endings(plan, responses)
    samples = with_status(plan, scores, answers.keys(), {sample.id for sample in failed})
    sample_scores = [sample.score for sample in samples]
    task_scores = TaskScores(
        name=plan.task.name,
        title=plan.task.title,
        benchmark=plan.task.benchmark,
        split=plan.task.split,
        protocol=plan.protocol,
        release=plan.facts.release,
        wording=plan.facts.wording,
        wording_is_published=is_published(plan.task, plan.facts.wording),
        metric=plan.task.primary_metric(plan.protocol),
        complete=plan.complete,
        setup=EvaluationSetup(
            config=plan.facts.config,
            reference_digest=plan.facts.reference_digest,
            template=plan.template,
            wording=plan.other_wording,
            prompts=plan.facts.prompts,
        ),
        mini=plan.task.suite is not None,
        counts=Counts.of(samples),
        mean_score=fmean(sample_scores) if sample_scores else 0.0,
        metrics=MetricRecord.all_of(scores),
        notes=(*plan.notes, *ends.remarks(max_new_tokens(plan)), *scores.notes),
        endings=ends,
        failed=tuple(failed),
        baseline=baseline,
    )
    return task_scores, replace(scores, samples=samples)


def unscored_note(task: TaskConfig) -> str:
    """Why nothing is scored, and what command comes next."""
    if task.judge is None:
        return HELD_BACK
    return (
        f"no score yet, a judge model gives it: `judge {task.name} RUN --judge openai:NAME --base-url URL`; or "
        "`submit` writes the file for other programs"
    )


def endings(plan: TaskPlan, responses: Responses) -> Endings:
    """How many answers to the plan's requests ended for which reason."""
    of_requests = [response for request in plan.requests if (response := responses.get(request.key))]
    answered = [response for response in of_requests if response.text is not None]
    reasons = Counter(response.finish_reason for response in answered)
    return Endings(
        stop=reasons["stop"],
        length=reasons["length"],
        error=len(of_requests) - len(answered),
        unknown=reasons[None],
        empty=sum(not (response.text or "").strip() for response in answered),
        prompts_cut=sum(bool(response.prompt_cut) for response in of_requests),
    )


def max_new_tokens(plan: TaskPlan) -> int | None:
    """The length at which answers are cut off; None if it differs between requests."""
    limits = {request.max_new_tokens for request in plan.requests}
    return limits.pop() if len(limits) == 1 else None


def with_status(plan: TaskPlan, scores: Scores, answered: Set[Key], failed: Set[str]) -> tuple[SampleScore, ...]:
    """The samples' scores with their status: a sample is failed or missing as soon as one of its passes is."""
    missing = {request.sample_id for request in plan.requests if request.key not in answered} - failed
    scored = scores.samples or tuple(SampleScore(sample.id, 0.0, "") for sample in plan.samples)

    def status(sample: SampleScore) -> SampleStatus:
        return "failed" if sample.id in failed else "missing" if sample.id in missing else "answered"

    return tuple(
        sample if sample.status == own else replace(sample, status=own)
        for sample, own in ((sample, status(sample)) for sample in scored)
    )
