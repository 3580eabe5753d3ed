"""Calibration of the tasks as they are: what `robustness` adds to each task whose questions have choices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np

from emma_eval.inference.engine import Engine
from emma_eval.results.manifest import Manifest, read_manifest
from emma_eval.results.sample_scores import read_sample_scores
from emma_eval.robustness.calibration import calibrate
from emma_eval.robustness.choice_answers import ChoiceAnswers, ask_choices, known_answers
from emma_eval.robustness.records import TaskCalibration
from emma_eval.runs.plan import TaskPlan, with_requests
from emma_eval.runs.settings import RunSettings
from emma_eval.stats.bootstrap import cluster_indices
from emma_eval.types import SampleScore


def calibrate_tasks(
    tasks: Mapping[str, TaskPlan], original: Path, settings: RunSettings, load: Callable[[], Engine]
) -> dict[str, TaskCalibration]:
    """Task -> its calibration, of those that have questions with choices.

    `original` is the folder of the finished run of the tasks as they are; probabilities are kept beside it and asked
    once. Raises NoProbabilitiesError for a model that gives none; it is loaded only where something is missing.
    """
    manifest = read_manifest(original)
    assert manifest is not None, "the run is finished"
    engine = cache(load)
    found = {}
    for name, plan in tasks.items():
        answers = _answers(plan, manifest, original.parent, settings, engine)
        if answers.answers:
            found[name] = task_calibration(answers, read_sample_scores(original, name))
    return found


def task_calibration(answers: ChoiceAnswers, scores: list[SampleScore]) -> TaskCalibration:
    """The numbers of a task's answers, at least one; `scores` are those of all its samples."""
    of_sample = {score.id: score for score in scores}
    asked = [of_sample[one.sample] for one in answers.answers]
    masses = [one.mass for one in answers.answers]
    return TaskCalibration(
        tokens=answers.tokens,
        mass=fmean(masses),
        least_mass=min(masses),
        answer_score=fmean(score.score for score in asked),
        failed=len(answers.failed),
        left_out=answers.left_out,
        numbers=calibrate(
            np.array([one.confidence for one in answers.answers]),
            np.array([float(one.chosen == one.right) for one in answers.answers]),
            cluster_indices(asked),
        ),
    )


def _answers(
    plan: TaskPlan, manifest: Manifest, folder: Path, settings: RunSettings, engine: Callable[[], Engine]
) -> ChoiceAnswers:
    model, facts = manifest.model, manifest.tasks[plan.task.name]
    asked = hashlib.sha256(f"{model.model_dump_json()} {facts.model_dump_json()}".encode()).hexdigest()
    if (earlier := known_answers(folder, plan.task.name, asked)) is not None:
        return earlier
    wording = settings.wordings.get(plan.task.name)
    return ask_choices(engine, with_requests(plan, model.template or "", model.family, wording), folder, asked)
