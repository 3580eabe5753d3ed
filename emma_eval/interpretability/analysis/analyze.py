"""An analysis: the tasks answered as an ordinary run, then every section over the same samples' features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.interpretability.ablated_model import AblatedModel
from emma_eval.interpretability.analysis.section import AnalysisSection
from emma_eval.interpretability.analysis.sections import SECTIONS, usable_sections
from emma_eval.interpretability.analysis.subject import Subject, items_of, shown_items
from emma_eval.models.base import ModelSpec
from emma_eval.results.model_analysis import RUN_FOLDER
from emma_eval.runs.plan import TaskPlan, plan_tasks, with_requests
from emma_eval.runs.progress import RunProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings, model_name
from emma_eval.runs.variants import UnchangedHandle


@dataclass(frozen=True, slots=True)
class Plan:
    """Which sections a model can show."""

    model: AblatedModel
    sections: tuple[str, ...]
    left_out: dict[str, str]  # section -> why


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found."""

    subject: Subject
    sections: dict[str, AnalysisSection]  # by key
    failed: int  # samples of the run without an answer


def plan_analysis(spec: ModelSpec, sections: Sequence[str], *, chosen: bool) -> Plan:
    """The sections that the model can show; of chosen ones all are expected. Raises UserError otherwise."""
    model = AblatedModel(spec, with_mplug_owl2=True)
    left_out = usable_sections(list(sections), model, chosen=chosen)
    return Plan(model, tuple(name for name in sections if name not in left_out), left_out)


def run_analysis(
    plan: Plan, settings: RunSettings, folder: Path, progress: RunProgress, shown: Sequence[str] = ()
) -> Analysis:
    """Answer the tasks in `folder/run`, or go on with it, and build the sections of the samples of one image.

    Raises UserError as `run_evaluation` does, and where no sample is left.
    """
    if shown:
        require_samples(shown, plan_tasks(settings))
    run = folder / RUN_FOLDER
    handle = UnchangedHandle(plan.model.handle, lambda: plan.model.engine(None, settings.batch_size))
    result = run_evaluation(settings, run, progress, handle)
    subject = replace(load_subject(plan.model, settings, run), shown=tuple(shown))
    shown_items(subject)  # a sample that was not analyzed shows at once
    builders = {key: SECTIONS[key].build(subject) for key in plan.sections}
    for batch in () if plan.model.is_mplug_owl2 else subject.batches():
        for builder in builders.values():
            builder.add(batch)
    return Analysis(subject, {key: builder.finish() for key, builder in builders.items()}, result.failed)


def require_samples(shown: Sequence[str], plans: Sequence[TaskPlan]) -> None:
    """Raise UserError, before anything is answered, for a sample to be drawn that no task asks about."""
    ids = {name for plan in plans for one in plan.samples for name in (one.id, f"{plan.task.name}:{one.id}")}
    for name in shown:
        if name not in ids:
            raise UserError(
                f"--show {name}: no such sample is asked; --samples all asks every one, and `show TASK --sample N` "
                "tells a sample's id"
            )


def load_subject(model: AblatedModel, settings: RunSettings, run: Path) -> Subject:
    """The model with the items of a finished run. Raises UserError if none of its samples can be analyzed."""
    runner = model.runner
    tasks, items = [], []
    plans = [with_requests(plan, runner.template, runner.family) for plan in plan_tasks(settings)]
    for plan in plans:
        task, of_task = items_of(plan, runner, run)
        tasks.append(task)
        items += of_task
    if not items:
        reasons = "; ".join(f"{task.task}: {reason}" for task in tasks for reason in task.left_out)
        raise UserError(f"no sample can be analyzed: one image and an answer are needed ({reasons})")
    return Subject(
        runner=runner,
        name=model_name(settings.model.source),
        tasks=tuple(tasks),
        items=tuple(items),
        seed=settings.seed or 0,
        plans={plan.task.name: plan for plan in plans},
        engine=model.engine(None, settings.batch_size),
    )
