"""Runs a model on tasks as they are and as each variant has them, in run folders of their own, and compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from emma_eval.errors import UserError
from emma_eval.inference.choices import NoProbabilitiesError
from emma_eval.models import ModelHandle, find_model
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.sample_statistics import TaskStatistics, read_task_statistics
from emma_eval.robustness.annotated import objects_in_images
from emma_eval.robustness.changes import TaskChange
from emma_eval.robustness.corruption_means import corruption_means
from emma_eval.robustness.left_out import Changed
from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.measures import compare_family, compare_primary, compare_variant
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

JUDGED = "judged"  # the scorer that leaves scoring to a judge
Statistics = Mapping[str, TaskStatistics]  # task -> its run's


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks, and what each variant asks of each: variant -> task -> samples."""

    settings: RunSettings
    model: ModelHandle
    tasks: Mapping[str, TaskPlan]
    variants: Mapping[str, Variant]
    task_changes: Mapping[str, TaskChange]  # variant -> what it changes
    changes: Mapping[str, Mapping[str, Changed]]

    def tasks_of(self, variant: str) -> tuple[str, ...]:
        """The tasks of which the variant asks anything."""
        return tuple(task for task, changed in self.changes[variant].items() if changed.samples)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, and what it was found in: task -> run -> its samples and scores."""

    result: Robustness
    asked: Mapping[str, Mapping[str, AskedTask]]


def plan_robustness(settings: RunSettings, variants: VariantSet) -> Plan:
    """Read the tasks and change their samples.

    Raises UserError for an unknown model, for bad tasks, and where no variant asks anything.
    """
    model = find_model(settings.model)
    tasks = {plan.task.name: plan for plan in plan_tasks(settings)}
    for plan in tasks.values():
        if not plan.samples or not all(sample.references for sample in plan.samples):
            raise UserError(f"task {plan.task.name}: its right answers are not known here, so nothing can be compared")
        if plan.task.scorer_config(plan.protocol).scorer == JUDGED:
            raise UserError(f"task {plan.task.name}: a judge model scores it, so nothing can be compared here")
    swaps = any(one.swap for one in variants.variants.values())
    present = {task: objects_in_images(plan.task, settings) if swaps else {} for task, plan in tasks.items()}
    task_changes = {name: TaskChange(one, variants.forms, present) for name, one in variants.variants.items()}
    changes = {
        name: {task: change.changed(plan.task, plan.samples) for task, plan in tasks.items()}
        for name, change in task_changes.items()
    }
    found = Plan(settings, model, tasks, variants.variants, task_changes, changes)
    if not any(map(found.tasks_of, variants.variants)):
        raise UserError(
            f"none of these variants asks a question of {', '.join(tasks)}: no form is recognised, and there are no "
            "options; `--variants FILE.yaml` takes forms of your own, docs/robustness.md"
        )
    return found


def run_robustness(plan: Plan, folder: Path, progress: Callable[[], RunProgress]) -> Outcome:
    """Run everything that is missing in folders of `folder`. Raises UserError as `run_evaluation` does."""
    settings, handle = plan.settings, plan.model
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
    ran = (ORIGINAL, *filter(plan.tasks_of, every))
    statistics = {name: _statistics(folder / name) for name in ran}
    asked = {task: asked_tasks(plan, task, statistics, folder) for task in plan.tasks}
    result = Robustness(
        model=settings.model.source,
        limit=settings.limit,
        words={name: one.words for name, one in every.items()},
        definitions={name: one.definition for name, one in every.items()},
        failed=failed,
        no_calibration=reason,
        tasks=tuple(
            compare_task_variants(plan, task, runs, statistics).model_copy(
                update={"calibration": calibrations.get(task)}
            )
            for task, runs in asked.items()
        ),
    )
    return Outcome(result, asked)


def _calibrations(plan: Plan, folder: Path, model: SharedModel) -> tuple[Mapping[str, TaskCalibration], str]:
    """Each task's, or why the model has none."""
    try:
        return calibrate_tasks(plan.tasks, folder / ORIGINAL, plan.settings, model.load_engine), ""
    except NoProbabilitiesError as error:
        return {}, str(error)


def asked_tasks(plan: Plan, task: str, statistics: Mapping[str, Statistics], folder: Path) -> dict[str, AskedTask]:
    """The task as each run asked it, the original first; `statistics` are those of each run in the folder."""
    planned = plan.tasks[task]
    samples = {ORIGINAL: planned.samples} | {name: changed[task].samples for name, changed in plan.changes.items()}
    return {
        name: AskedTask(
            samples=own,
            scores=statistics[name][task].scores.samples,
            texts=answer_texts(folder / name, task),
            circular=planned.task.circular,
            flipped=name != ORIGINAL and plan.variants[name].answer == "flipped",
        )
        for name, own in samples.items()
        if own
    }


def answer_texts(run: Path, task: str) -> dict[str, str]:
    """Each sample's answer; several passes are joined by `|`. Raises UserError for responses that can't be read."""
    last = {response.key: response.text or "" for response in read_responses(log_path(run, task))}
    texts: dict[str, list[str]] = {}
    for sample_id, pass_index in sorted(last):
        texts.setdefault(sample_id, []).append(last[sample_id, pass_index])
    return {sample_id: " | ".join(one) for sample_id, one in texts.items()}


def compare_task_variants(
    plan: Plan, task: str, asked: Mapping[str, AskedTask], statistics: Mapping[str, Statistics]
) -> TaskRobustness:
    """All variants of a task against the original."""
    variants, changes = plan.variants, {name: changed[task] for name, changed in plan.changes.items()}
    original, results = asked[ORIGINAL], []
    families: dict[str, dict[str, AskedTask]] = {}
    for name, one in asked.items():
        if name != ORIGINAL:
            result = compare_variant(name, variants[name], changes[name].left_out, original, one)
            metric = None if one.flipped else compare_primary(statistics[ORIGINAL][task], statistics[name][task])
            results.append(result.model_copy(update={"metric": metric}))
            families.setdefault(variants[name].family, {})[name] = one
    by_order = {name: one for name, one in asked.items() if name != ORIGINAL and variants[name].options}
    orders = [{ORIGINAL: original}, *([{ORIGINAL: original, **by_order}] if by_order else [])]
    return TaskRobustness(
        task=task,
        samples=len(original.samples),
        original=fmean(score.score for score in original.scores),
        variants=tuple(_corrected(results)),
        families=tuple(compare_family(name, original, members) for name, members in families.items()),
        position_bias=tuple(filter(None, map(position_bias, orders))),
        corruptions=tuple(corruption_means(variants, original, asked)),
        not_asked={name: ", ".join(changed.left_out) for name, changed in changes.items() if not changed.samples},
    )


def _corrected(results: Sequence[VariantResult]) -> list[VariantResult]:
    corrected = holm([one.score.p for one in results])
    return [one.model_copy(update={"p_holm": p}) for one, p in zip(results, corrected, strict=True)]


def _statistics(run: Path) -> Statistics:
    return {one.record.task: one for one in read_task_statistics(run)}
