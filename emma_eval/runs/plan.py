"""Plans a run before its model is loaded: reads and counts each task's samples, so that bad data show at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emma_eval.data.digests import data_digests
from emma_eval.data.selection import reference_digest, select_subset
from emma_eval.errors import MissingToolError, UserError
from emma_eval.inference.engine import SERVER_TEMPLATE
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.results.manifest import TaskFacts
from emma_eval.runs.settings import OtherRequests, RunSettings
from emma_eval.tasks.digest import task_digest
from emma_eval.tasks.wording import describe_wording, wording_families
from emma_eval.types import Request, Sample
from emma_eval.utils.files import sha256_of_lines
from emma_eval.utils.gc_utils import gc_paused

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import ScorerConfig

UNIT_SEPARATOR = "\x1f"  # ASCII's own: no prompt holds one


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task of a run: its samples and requests, and the facts by which a later session recognizes it."""

    task: TaskConfig
    protocol: str
    samples: Sequence[Sample]
    complete: bool  # all samples of the split, so that the scores compare with published ones
    facts: TaskFacts
    requests: tuple[Request, ...] = ()  # once the model's family is known
    template: str = ""  # the name of the model's conversation template
    other_wording: str = ""  # the family whose wording --wording names instead of the model's own
    notes: tuple[str, ...] = ()  # on the questions, see `prompts.question_notes`


def plan_tasks(settings: RunSettings) -> list[TaskPlan]:
    """The plans of all tasks. Raises UserError as `plan_task` does, which also names other tasks without data."""
    plans = []
    for index, name in enumerate(settings.tasks):
        try:
            plans.append(plan_task(name, settings))
        except UserError as error:
            others = [other for other in settings.tasks[index + 1 :] if _has_no_data(other, settings)]
            if not others:
                raise
            also = f"nor are there data of {', '.join(others)}: see `emma-eval data status`"
            raise UserError(f"{error}; {also}") from error
    return plans


def _has_no_data(name: str, settings: RunSettings) -> bool:
    """Whether files that a task needs are not on this machine, as far as can be told without reading them."""
    from emma_eval.data.location import locate_data
    from emma_eval.tasks.loading import load_task

    try:
        location = locate_data(load_task(name), settings.data, settings.files.get(name, {}))
    except UserError:
        return True
    return not location.snapshot and any(key in location.missing for key in location.reader.required)


def plan_task(name: str, settings: RunSettings) -> TaskPlan:
    """Read the task and its samples. Raises UserError if something is wrong with them or the scorer lacks a tool."""
    from emma_eval.data.loading import read_samples
    from emma_eval.data.location import locate_data
    from emma_eval.prompts.question_notes import find_release, question_notes
    from emma_eval.tasks.loading import load_task

    task = load_task(name)
    if name in settings.wordings:
        task.with_wording(settings.wordings[name])  # raises for an unknown one
    protocol = settings.protocols.get(name, task.protocol)
    scorer = task.scorer_config(protocol)
    location = locate_data(task, settings.data, settings.files.get(name, {}))
    with ThreadPoolExecutor(1) as background:  # hashing releases the interpreter, so another core does it
        data = background.submit(copy_context().run, data_digests, location)  # the user's folders are the context's
        samples: Sequence[Sample] = read_samples(
            location, allow_partial=settings.allow_partial or settings.limit is not None, need_images=True
        )
    release = find_release(task, samples)
    samples = select_subset(samples, settings.limit, settings.seed)
    facts = TaskFacts(
        config=task_digest(task, protocol),
        protocol=protocol,
        data=data.result(),
        reference_digest=reference_digest(samples),
        samples=len(samples),
        release=release,
    )
    complete = settings.limit is None and task.expected.allows(len(samples))
    plan = TaskPlan(task, protocol, samples, complete, facts, notes=question_notes(task, samples, complete))
    _require_ready(plan, scorer, settings.answers_only or settings.shard is not None)
    return plan


def with_samples(plan: TaskPlan, samples: Sequence[Sample]) -> TaskPlan:
    """The plan of a run that asks these samples in place of the task's own: they are of no release, nor all of it."""
    facts = plan.facts.model_copy(
        update={"reference_digest": reference_digest(samples), "samples": len(samples), "release": ""}
    )
    return replace(plan, samples=samples, complete=False, facts=facts, notes=())


def _require_ready(plan: TaskPlan, scorer: ScorerConfig, answers_only: bool) -> None:
    """Raise UserError now for what the scorer would fail on after hours of inference.

    With `answers_only` the scorer's tools need not be installed.
    """
    from emma_eval.scorers import require_ready

    try:
        require_ready(scorer.scorer, scorer.options, plan.samples, plan.task.primary_metric(plan.protocol))
    except MissingToolError as error:
        if not answers_only:
            raise UserError(f"task {plan.task.name}: {error}; or use --answers-only, and score later") from error
    except UserError as error:
        raise UserError(f"task {plan.task.name}: {error}") from error


def with_requests(
    plan: TaskPlan,
    template: str,
    family: str | None = None,
    wording: str | None = None,
    other_requests: OtherRequests | None = None,
) -> TaskPlan:
    """The plan with its requests, in the given wording or else the model family's own; or with other requests.

    A wording that the task does not have is the task's own. Raises UserError where the other requests can't be made.
    """
    from emma_eval.prompts.building import build_requests

    own = plan.task.wording_for(family)
    wording = own if wording is None else plan.task.wording_for(wording)
    other = "" if wording == own else wording
    notes = (*plan.notes, *_wording_note(plan.task, wording, family), *_template_note(template))
    plan = replace(plan, task=plan.task.with_wording(wording), notes=notes)
    with gc_paused():
        if other_requests is None:
            requests = tuple(build_requests(plan.task, plan.samples))
        else:
            requests = tuple(other_requests.build(plan.task, plan.samples, template))
            plan = replace(plan, notes=(other_requests.note, *notes))
    facts = plan.facts.model_copy(
        update={"requests": len(requests), "prompts": prompts_digest(requests), "wording": wording}
    )
    return replace(plan, facts=facts, template=template, other_wording=other, requests=requests)


def prompts_digest(requests: Iterable[Request]) -> str:
    """SHA-256 over every message, instruction and answer length; it does not depend on the model's template.

    Messages are hashed within LLaVA-1.5's template, as they were when all models shared it: earlier runs go on.
    """
    return sha256_of_lines(UNIT_SEPARATOR.join(_hashed(request)) for request in requests)


def _hashed(request: Request) -> Iterator[str]:
    """What later versions added is hashed where it is set alone."""
    yield from (request.sample_id, str(request.pass_index), render_prompt(request.message), request.instruction)
    yield str(request.max_new_tokens)
    if request.min_new_tokens:
        yield str(request.min_new_tokens)


def _template_note(template: str) -> Iterator[str]:
    if template == SERVER_TEMPLATE:
        yield "asked through a server: the prompt is the server's, by a chat template that is not seen here"


def _wording_note(task: TaskConfig, wording: str, family: str | None) -> Iterator[str]:
    """A note where the words are not the task's own, or not those of the model's family."""
    is_foreign = family is not None and family not in wording_families(task, wording)
    if task.wordings and (is_foreign or wording != task.own_wording):
        foreign = f", not in that of {family}, the model's own family" if is_foreign else ""
        yield f"asked in {describe_wording(task, wording)}{foreign}"
