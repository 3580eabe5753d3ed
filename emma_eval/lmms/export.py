"""A run as the files that `lmms-eval --log_samples` writes: `DATE_results.json`, and `DATE_samples_TASK.jsonl` a task.

Names and keys are those of lmms-eval 0.7.3. Three keys are of this program: `question_id` and `pass_index`, by which a
row finds its sample again in `score --predictions`, and `score`, the sample's score from 0 to 1. A request that failed
has the answer null, for which lmms-eval has no word. lmms-eval itself is needed for its own tasks alone, whose
documents are read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import emma_eval
from emma_eval.data.run_samples import find_run_samples, subset_of
from emma_eval.errors import UserError
from emma_eval.prompts.building import build_requests
from emma_eval.prompts.image_placement import image_markers
from emma_eval.results.manifest import VARIANT_OPTION, Manifest, require_manifest
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.sample_scores import read_sample_scores
from emma_eval.results.scores import MetricRecord, ScoresFile, TaskScores, read_scores
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.loading import load_task
from emma_eval.types import Request, Response, Sample
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.text import replace_surrogates, slug

NOT_KNOWN = "N/A"  # lmms-eval's word for a standard error that it has not computed


@dataclass(frozen=True, slots=True)
class ExportedTask:
    """One task of the run with what the files say about it."""

    config: TaskConfig
    scores: TaskScores
    rows: Sequence[Mapping[str, Any]]
    num_documents: int  # of the whole split

    @property
    def name(self) -> str:
        """As lmms-eval calls it."""
        return self.config.name.removeprefix("lmms:")


def export_run(run: Path, output: Path, data: Path | None = None) -> list[Path]:
    """Write the files below `output/MODEL`, and return their paths, the results first.

    Raises UserError for a run that is not finished, and for data that are missing or not those of the run.
    """
    scores, manifest = read_scores(run), require_manifest(run)
    tasks = [_exported(run, task, manifest, data) for task in scores.tasks]
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        raise UserError(f"{run}: two of its tasks have one name in lmms-eval: {', '.join(names)}")
    folder = output / slug(scores.model.name)
    make_output_folder(folder)
    started = datetime.fromisoformat(manifest.sessions[-1].started)
    date = started.strftime("%Y%m%d_%H%M%S")
    written = [folder / f"{date}_results.json"]
    write_atomic(written[0], _json(_results(scores, manifest, tasks, date), indent=2) + "\n")
    for task in tasks:
        written.append(folder / f"{date}_samples_{task.name}.jsonl")
        write_atomic(written[-1], "".join(_json(row) + "\n" for row in task.rows))
    return written


def _exported(run: Path, scores: TaskScores, manifest: Manifest, data: Path | None) -> ExportedTask:
    if variant := manifest.settings.model_options.get(VARIANT_OPTION):
        raise UserError(f"{run} is the run of a variant ({variant}): its prompts and images are not the task's own")
    task, facts = load_task(scores.name), manifest.tasks[scores.name]
    found = find_run_samples([manifest], task.name, data)
    if found.problem:
        raise UserError(f"{run}, task {task.name}: {found.problem}; see --data")
    every, samples = found.samples, subset_of(manifest, found.samples)
    worded = task.with_wording(facts.wording) if facts.wording else task
    responses = {response.key: response for response in read_responses(log_path(run, task.name))}
    numbers = {sample.id: number for number, sample in enumerate(every)}
    own_scores = {sample.id: sample.score for sample in read_sample_scores(run, task.name)}
    rows = []
    for sample in samples:
        for request in build_requests(worded, [sample]):
            response = responses.get(request.key)
            row = _row(numbers[sample.id], sample, request, response)
            score = own_scores.get(sample.id, 0.0)
            rows.append({**row, scores.metric: score, "score": score} if scores.metrics else row)
    return ExportedTask(task, scores, rows, len(every))


def _row(number: int, sample: Sample, request: Request, response: Response | None) -> dict[str, Any]:
    """One line of a samples file, but for the scores."""
    text = response.text if response else None
    return {
        "doc_id": number,
        "question_id": sample.id,
        "pass_index": request.pass_index,
        "target": sample.references[0] if len(sample.references) == 1 else str(list(sample.references)),
        "filtered_resps": text,
        "token_counts": [{"output_tokens": response.tokens} if response and response.tokens else None],
        "doc_hash": _hash([sample.id, sample.question, sample.references]),
        "input": request.message.removeprefix(image_markers(len(request.images))),
        "input_media": [image.name for image in request.images],
    }


def _results(scores: ScoresFile, manifest: Manifest, tasks: Sequence[ExportedTask], date: str) -> dict[str, Any]:
    """The content of the results file."""
    model, settings, session = manifest.model, manifest.settings, manifest.sessions[-1]
    by_name = {task.name: task for task in tasks}
    seconds = _seconds(manifest)
    return {
        "results": {name: {"alias": name, **_metrics(task.scores.metrics)} for name, task in by_name.items()},
        "group_subtasks": {name: [] for name in by_name},
        "configs": {name: _config(task) for name, task in by_name.items()},
        "versions": {name: task.scores.protocol for name, task in by_name.items()},
        "n-shot": dict.fromkeys(by_name, 0),
        "higher_is_better": {
            name: {m.name: m.higher_is_better for m in task.scores.metrics if not m.group}
            for name, task in by_name.items()
        },
        "n-samples": {
            name: {"original": task.num_documents, "effective": task.scores.counts.samples}
            for name, task in by_name.items()
        },
        "config": {
            "model": "emma",
            "model_args": f"pretrained={model.source}",
            "model_backend": f"emma-eval {emma_eval.__version__}",
            "batch_size": str(session.batch_size),
            "batch_sizes": [],
            "device": model.device,
            "use_cache": None,
            "limit": settings.limit,
            "offset": 0,
            "bootstrap_iters": 0,
            "gen_kwargs": "",
            "random_seed": settings.seed,
        },
        "git_hash": session.git_commit,
        "lmms_eval_version": session.versions.get("lmms-eval", ""),
        "date": date,
        "task_hashes": {
            name: _hash_text("".join(f"sample_{index}{row['doc_hash']}" for index, row in enumerate(task.rows)))
            for name, task in by_name.items()
        },
        "model_source": "emma",
        "model_name": scores.name or scores.model.name,
        "model_name_sanitized": slug(scores.model.name),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": model.template,
        "chat_template_sha": model.template_digest,
        "total_evaluation_time_seconds": str(seconds),
    }


def _metrics(metrics: Sequence[MetricRecord]) -> dict[str, Any]:
    """`METRIC,FILTER` -> value; breakdowns are `METRIC_GROUP_CATEGORY,none`. Standard errors are not computed here."""
    found: dict[str, Any] = {}
    for metric in metrics:
        own, _, filter_name = metric.name.partition(",")
        label = "_".join(part.replace(",", " ") for part in (own, metric.group, metric.category) if part)
        found[f"{label},{filter_name or 'none'}"] = metric.value
        found[f"{label}_stderr,{filter_name or 'none'}"] = NOT_KNOWN
    return found


def _config(task: ExportedTask) -> dict[str, Any]:
    """What lmms-eval would keep of a task's YAML."""
    config = task.config
    return {
        "task": task.name,
        "dataset_path": config.hub.id if config.hub else config.benchmark,
        "test_split": config.split,
        "output_type": "generate_until",
        "generation_kwargs": {"max_new_tokens": config.generation.max_new_tokens, "do_sample": False},
        "repeats": 1,
        "score_key": "score",
        "num_fewshot": 0,
        "metric_list": [
            {"metric": m.name, "higher_is_better": m.higher_is_better} for m in task.scores.metrics if not m.group
        ],
        "metadata": {"emma_eval_config": task.scores.setup.config, "protocol": task.scores.protocol},
    }


def _seconds(manifest: Manifest) -> float:
    """How long all sessions took, those that were killed left out."""
    return sum(_session_seconds(manifest))


def _session_seconds(manifest: Manifest) -> Iterator[float]:
    for session in manifest.sessions:
        if session.finished:
            spent = datetime.fromisoformat(session.finished) - datetime.fromisoformat(session.started)
            yield spent.total_seconds()


def _json(content: Any, indent: int | None = None) -> str:
    return replace_surrogates(json.dumps(content, ensure_ascii=False, indent=indent))


def _hash(content: Any) -> str:
    return _hash_text(json.dumps(content))


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
