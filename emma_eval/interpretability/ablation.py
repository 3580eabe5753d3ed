"""An ablation: the full model and its variants as ordinary runs, each variant compared with the full model in pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from emma_eval.analysis.compare import TaskComparison, compare_task
from emma_eval.errors import UserError
from emma_eval.interpretability.ablated_model import AblatedModel
from emma_eval.interpretability.changed_requests import VariantRequests, system_text
from emma_eval.interpretability.variants import FULL, Variant
from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.results.manifest import VARIANT_OPTION, read_manifest, require_manifest
from emma_eval.results.sample_statistics import read_all_statistics
from emma_eval.runs.plan import TaskPlan, plan_tasks
from emma_eval.runs.progress import RunProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import OtherRequests, RunSettings, model_name
from emma_eval.runs.variants import UnchangedHandle, VariantHandle
from emma_eval.stats.exact_tests import holm
from emma_eval.stats.paired import MetricComparison
from emma_eval.types import Unit
from emma_eval.utils.records import Record

SCHEMA_VERSION = 1
MOST_CATEGORIES = 3


class Difference(Record):
    """A metric of a variant less that of the full model, on the same samples."""

    value: float = Field(description="the variant's")
    difference: float = Field(description="variant less full, in the metric's unit")
    interval: tuple[float, float] = Field(description="95%")
    p: float = Field(description="not corrected")
    test: str


class CategoryDifference(Difference):
    """The same within one category."""

    group: str = Field(description="what is divided, as answer_type")
    category: str
    questions: int = Field(description="in the category, of the full model's run")


class VariantScore(Difference):
    """A variant's primary metric on a task."""

    variant: str
    p_holm: float = Field(description="corrected for the variants of the ablation, task by task")
    won: int = Field(description="samples that the variant scores higher")
    lost: int
    categories: tuple[CategoryDifference, ...] = Field(
        description="of the same metric: those that weigh most in the whole"
    )


class TaskAblation(Record):
    """All variants on one task."""

    task: str
    metric: str
    unit: Unit
    higher_is_better: bool | None
    samples: int
    full: float = Field(description="the full model's score")
    variants: tuple[VariantScore, ...]


class Ablation(Record):
    """The file ablation.json."""

    schema_version: int = SCHEMA_VERSION
    model: str = Field(description="as given")
    limit: int | None
    variants: dict[str, str] = Field(description="variant -> its definition in words")
    definitions: dict[str, str] = Field(description="variant -> its changes, as its manifest has them")
    left_out: dict[str, str] = Field(description="shipped variant -> why it was not run")
    failed: int = Field(description="samples without an answer, which count as wrong, over all runs")
    unscored: tuple[str, ...] = Field(description="tasks whose answers are recorded and not scored here")
    tasks: tuple[TaskAblation, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which variants a model takes."""

    model: AblatedModel
    variants: Mapping[str, Variant]
    left_out: Mapping[str, str]


def plan_ablation(spec: ModelSpec, variants: Mapping[str, Variant], *, chosen: bool) -> Plan:
    """The variants that the model takes; of chosen ones all are expected.

    Raises UserError for a model that can't be ablated, and for a chosen variant that means nothing for it.
    """
    model = AblatedModel(spec)
    needy = [name for name, one in variants.items() if one.needs_alignment and not model.has_alignment]
    if needy and chosen:
        raise UserError(
            f"{spec.source} has no alignment module and reads no instruction: {', '.join(needy)} can't be asked of "
            "it; variants of the image can"
        )
    kept = {name: one for name, one in variants.items() if name not in needy}
    return Plan(model, kept, dict.fromkeys(needy, "the model has no alignment module"))


def run_ablation(plan: Plan, settings: RunSettings, folder: Path, progress: Callable[[], RunProgress]) -> Ablation:
    """Run the full model and every variant in folders of `folder`, and compare them.

    `settings` are those of the full model's run. Raises UserError as `run_evaluation` does. Before anything is answered
    it is raised for a device that is not there, for a folder that holds another variant, and where there is no other
    image or instruction to take; before any variant is, for a template without system text.
    """
    _require_same_variants(plan, folder)
    if read_manifest(folder / FULL) is None:
        plan.model.handle.check_place(device_too=True)
    plans = plan_tasks(settings)
    _require_others(plan, plans)
    failed = 0
    for name in (FULL, *plan.variants):
        own_settings, handle = settings_of(name, plan, settings)
        failed += run_evaluation(own_settings, folder / name, progress(), handle, plans).failed
        if name == FULL and any(one.instruction == "system" for one in plan.variants.values()):
            system_text(require_manifest(folder / FULL).model.template or "")
    tasks = compare_variants(folder, list(plan.variants))
    return Ablation(
        model=settings.model.source,
        limit=settings.limit,
        variants={name: variant.words for name, variant in plan.variants.items()},
        definitions={name: variant.definition for name, variant in plan.variants.items()},
        left_out=dict(plan.left_out),
        failed=failed,
        unscored=tuple(sorted({plan.task.name for plan in plans} - {task.task for task in tasks})),
        tasks=tuple(tasks),
    )


def settings_of(name: str, plan: Plan, settings: RunSettings) -> tuple[RunSettings, ModelHandle]:
    """What `run_evaluation` takes for a variant, or for the full model, whose settings are given."""
    model, batch_size = plan.model, settings.batch_size
    if name == FULL:
        return settings, UnchangedHandle(model.handle, lambda: model.engine(None, batch_size))
    variant = plan.variants[name]
    handle = VariantHandle(model.handle, name, variant.definition, lambda: model.engine(variant, batch_size))
    note = f"variant {name} of {model_name(settings.model.source)}: {variant.words}"
    return replace(settings, model=handle.spec, requests=OtherRequests(VariantRequests(variant), note)), handle


def _require_same_variants(plan: Plan, folder: Path) -> None:
    """Raise UserError where a variant's folder holds a run of another definition, found hours later otherwise."""
    for name, variant in plan.variants.items():
        recorded = read_manifest(folder / name)
        before = recorded.settings.model_options.get(VARIANT_OPTION, "no variant") if recorded else variant.definition
        if before != variant.definition:
            raise UserError(
                f"{folder / name} holds a different run: variant {name} was {before} and is {variant.definition} now; "
                "give it another name, or begin another ablation with --output DIR"
            )


def _require_others(plan: Plan, plans: Sequence[TaskPlan]) -> None:
    """Raise UserError where a permutation is wanted and there is one image or instruction alone."""
    drawing = [one for one in plan.variants.values() if "other" in (one.image, one.instruction)]
    for task in plans if drawing else ():
        for variant in drawing:
            # An instruction of another kind needs the model's template, which is not known before it is loaded.
            drawn = variant.model_copy(update={"instruction": "other" if variant.instruction == "other" else None})
            try:
                VariantRequests(drawn)(task.task, task.samples, "")
            except UserError as error:
                raise UserError(f"{error}; ask more samples, or name the variants without it by --variants") from None


def compare_variants(folder: Path, names: Sequence[str]) -> list[TaskAblation]:
    """Every task of the folder's runs, in the order of the full model's."""
    full = read_all_statistics(folder / FULL)
    runs = {name: {one.task: one for one in read_all_statistics(folder / name)} for name in names}
    tasks = []
    for statistics in full:
        pairs = {name: compare_task(statistics, run[statistics.task]) for name, run in runs.items()}
        corrected = holm([pair.primary.p_value for pair in pairs.values()])
        scores = [_score(name, pair, p) for (name, pair), p in zip(pairs.items(), corrected, strict=True)]
        primary = statistics.primary
        tasks.append(
            TaskAblation(
                task=statistics.task,
                metric=primary.name,
                unit=primary.unit,
                higher_is_better=primary.higher_is_better,
                samples=len(statistics.scores.samples),
                full=primary.value,
                variants=tuple(scores),
            )
        )
    return tasks


def _score(name: str, pair: TaskComparison, p_holm: float) -> VariantScore:
    categories = tuple(
        CategoryDifference(
            **_difference(one), group=one.metric.group, category=one.metric.category, questions=one.metric.n
        )
        for one in _largest_categories(pair)
    )
    won, lost = len(pair.won), len(pair.lost)
    own = _difference(pair.primary)
    return VariantScore(**own, variant=name, p_holm=p_holm, won=won, lost=lost, categories=categories)


def _largest_categories(pair: TaskComparison) -> list[MetricComparison]:
    """Of the task's first breakdown those that weigh most in the whole: difference times number of questions."""
    by_category = [one for one in pair.metrics if one.metric.name == pair.primary.metric.name and one.metric.category]
    first = [one for one in by_category if one.metric.group == by_category[0].metric.group and one.difference]
    return sorted(first, key=lambda one: -abs(one.difference) * one.metric.n)[:MOST_CATEGORIES]


def _difference(pair: MetricComparison) -> dict[str, Any]:
    return {
        "value": pair.second,
        "difference": pair.difference,
        "interval": pair.interval,
        "p": pair.p_value,
        "test": pair.test,
    }
