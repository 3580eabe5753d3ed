"""Runs a model on tasks as they are and as each variant has them, in run folders of their own, and compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from emma_eval.errors import UserError
from emma_eval.inference.choices import NoProbabilitiesError
from emma_eval.models import find_model
from emma_eval.results.sample_scores import read_sample_scores
from emma_eval.robustness.annotated import objects_in_images
from emma_eval.robustness.changes import TaskChange
from emma_eval.robustness.left_out import Changed
from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.measures import compare_family, compare_variant
from emma_eval.robustness.position_bias import position_bias
from emma_eval.robustness.records import Robustness, TaskCalibration, TaskRobustness, VariantResult
from emma_eval.robustness.shared_model import SharedModel
from emma_eval.robustness.task_calibration import calibrate_tasks
from emma_eval.robustness.variants import ORIGINAL, Variant, VariantSet
from emma_eval.runs.plan import TaskPlan, plan_tasks, with_samples
from emma_eval.runs.progress import RunProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import OtherRequests, RunSettings, model_name
from emma_eval.runs.variants import UnchangedHandle, VariantHandle
from emma_eval.stats.exact_tests import holm


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks, and what each variant asks of each: variant -> task -> samples."""

    settings: RunSettings
    tasks: Mapping[str, TaskPlan]
    variants: Mapping[str, Variant]
    task_changes: Mapping[str, TaskChange]  # variant -> what it changes
    changes: Mapping[str, Mapping[str, Changed]]

    def tasks_of(self, variant: str) -> tuple[str, ...]:
        """The tasks of which the variant asks anything."""
        return tuple(task for task, changed in self.changes[variant].items() if changed.samples)


def plan_robustness(settings: RunSettings, variants: VariantSet) -> Plan:
    """Read the tasks and change their samples. Raises UserError for bad tasks and where no variant asks anything."""
    tasks = {plan.task.name: plan for plan in plan_tasks(settings)}
    for plan in tasks.values():
        if not plan.samples or not all(sample.references for sample in plan.samples):
            raise UserError(f"task {plan.task.name}: its right answers are not known here, so nothing can be compared")
    swaps = any(one.swap for one in variants.variants.values())
    present = {task: objects_in_images(plan.task, settings) if swaps else {} for task, plan in tasks.items()}
    task_changes = {name: TaskChange(one, variants.forms, present) for name, one in variants.variants.items()}
    changes = {
        name: {task: change.changed(plan.task, plan.samples) for task, plan in tasks.items()}
        for name, change in task_changes.items()
    }
    found = Plan(settings, tasks, variants.variants, task_changes, changes)
    if not any(map(found.tasks_of, variants.variants)):
        raise UserError(
            f"none of these variants asks a question of {', '.join(tasks)}: no form is recognised, and there are no "
            "options; `--variants FILE.yaml` takes forms of your own, docs/robustness.md"
        )
    return found


def run_robustness(plan: Plan, folder: Path, progress: Callable[[], RunProgress]) -> Robustness:
    """Run everything that is missing in folders of `folder`. Raises UserError as `run_evaluation` does."""
    settings, handle = plan.settings, find_model(plan.settings.model)
    model = SharedModel(handle, settings.batch_size)
    unchanged = UnchangedHandle(handle, model.load)
    failed = run_evaluation(settings, folder / ORIGINAL, progress(), unchanged, list(plan.tasks.values())).failed
    for name, variant in plan.variants.items():
        if tasks := plan.tasks_of(name):
            own = VariantHandle(handle, name, variant.definition, model.load)
            note = f"variant {name} of {model_name(settings.model.source)}: {variant.words}"
            other = OtherRequests(plan.task_changes[name].requests, note)
            changed = replace(settings, model=own.spec, tasks=tasks, requests=other)
            plans = [with_samples(plan.tasks[task], plan.changes[name][task].samples) for task in tasks]
            failed += run_evaluation(changed, folder / name, progress(), own, plans).failed
    every = plan.variants
    calibrations, reason = _calibrations(plan, folder, model)
    return Robustness(
        model=settings.model.source,
        limit=settings.limit,
        words={name: one.words for name, one in every.items()},
        definitions={name: one.definition for name, one in every.items()},
        failed=failed,
        no_calibration=reason,
        tasks=tuple(
            compare_task_variants(plan, task, folder).model_copy(update={"calibration": calibrations.get(task)})
            for task in plan.tasks
        ),
    )


def _calibrations(plan: Plan, folder: Path, model: SharedModel) -> tuple[Mapping[str, TaskCalibration], str]:
    """Each task's, or why the model has none."""
    try:
        return calibrate_tasks(plan.tasks, folder / ORIGINAL, plan.settings, model.load_engine), ""
    except NoProbabilitiesError as error:
        return {}, str(error)


def compare_task_variants(plan: Plan, task: str, folder: Path) -> TaskRobustness:
    """All variants of a task against the original. Raises UserError for a run folder that can't be read."""
    planned = plan.tasks[task]
    original = _asked(folder / ORIGINAL, planned, planned.samples)
    asked = {
        name: _asked(folder / name, planned, plan.changes[name][task].samples, variant)
        for name, variant in plan.variants.items()
        if plan.changes[name][task].samples
    }
    results = [
        compare_variant(name, plan.variants[name], plan.changes[name][task].left_out, original, one)
        for name, one in asked.items()
    ]
    families: dict[str, dict[str, AskedTask]] = {}
    for name, one in asked.items():
        families.setdefault(plan.variants[name].family, {})[name] = one
    by_order = {name: one for name, one in asked.items() if plan.variants[name].options}
    orders = [{ORIGINAL: original}, *([{ORIGINAL: original, **by_order}] if by_order else [])]
    return TaskRobustness(
        task=task,
        samples=len(planned.samples),
        original=fmean(score.score for score in original.scores),
        variants=tuple(_corrected(results)),
        families=tuple(filter(None, (compare_family(name, original, one) for name, one in families.items()))),
        position_bias=tuple(filter(None, map(position_bias, orders))),
        not_asked={
            name: ", ".join(changed[task].left_out)
            for name, changed in plan.changes.items()
            if not changed[task].samples
        },
    )


def _corrected(results: Sequence[VariantResult]) -> list[VariantResult]:
    corrected = holm([one.score.p for one in results])
    return [one.model_copy(update={"p_holm": p}) for one, p in zip(results, corrected, strict=True)]


def _asked(run: Path, plan: TaskPlan, samples: Sequence[Any], variant: Variant | None = None) -> AskedTask:
    scores = read_sample_scores(run, plan.task.name)
    return AskedTask(samples, scores, plan.task.circular, variant is not None and variant.answer == "flipped")
