"""What a judge needs of a finished run: the samples that were asked, their answers, the benchmark's official files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.loading import load_samples
from emma_eval.data.selection import reference_digest, select_subset
from emma_eval.errors import UserError
from emma_eval.judges.scoring import AnsweredRun
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.results.manifest import read_manifest, require_manifest
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.scores import read_scores, run_folder
from emma_eval.tasks.digest import task_digest
from emma_eval.types import Answer
from emma_eval.utils.data_roots import require_inside_data_root
from emma_eval.utils.files import find_file
from emma_eval.utils.text import did_you_mean

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def read_answered_run(path: Path, task: TaskConfig) -> AnsweredRun:
    """The run in a folder. Raises UserError unless it is one, is finished and has answered all of the task."""
    folder = run_folder(path)
    manifest = read_manifest(folder) if folder.is_dir() else None
    if manifest is None:
        raise UserError(f"{folder} is no run folder: a judge judges the answers of a finished run")
    scores = read_scores(folder)
    record = next((record for record in scores.tasks if record.name == task.name), None)
    if record is None:
        hint = did_you_mean(task.name, [record.name for record in scores.tasks])
        raise UserError(f"{folder} has no answers to the task {task.name}{hint}")
    if record.counts.missing:
        raise UserError(
            f"{folder}: {record.counts.missing:,} of {record.counts.samples:,} questions of {task.name} have no "
            "answer; run the task to its end before it is judged"
        )
    is_as_asked = record.setup.config == task_digest(task, record.protocol)
    config = task_digest(task, task.protocol) if is_as_asked else record.setup.config
    return AnsweredRun(folder, scores, record, manifest.tasks[task.name], task.metric, config)


def read_judged_task(run: AnsweredRun, task: TaskConfig, data: Path | None) -> JudgedTask:
    """The task's samples that the run was asked, with its answers. Raises UserError if the data are not the run's."""
    settings = require_manifest(run.folder).settings
    samples = select_subset(load_samples(task, data, allow_partial=True), settings.limit, settings.seed)
    if reference_digest(samples) != run.facts.reference_digest:
        raise UserError(
            f"{run.folder}: the questions of {task.name} in the data are not those that it was asked; give the --data "
            "that it was run with"
        )
    responses = {response.key: response for response in read_responses(log_path(run.folder, task.name))}
    answers = {key: Answer(response.text) for key, response in responses.items() if response.text is not None}
    return JudgedTask(task.name, samples, answers, _official_files(task, data))


def _official_files(task: TaskConfig, data: Path | None) -> dict[str, Path]:
    """The files of the section `judge`. Raises UserError for one that is not there."""
    assert task.judge is not None
    found = {}
    for key, names in task.judge.files.items():
        path = next(filter(None, (find_file(data / name) for name in names)), None) if data else None
        if path is None:
            where = f"below {data}" if data else "below --data ROOT"
            raise UserError(
                f"task {task.name}: the judge is shown the official {' or '.join(names)}, which is not there {where}; "
                f"get it from {task.homepage}"
            )
        require_inside_data_root(path)
        found[key] = path
    return found
