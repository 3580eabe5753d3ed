"""`evaluate`: a run, from Python. It is the command `run` without its terminal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from emma_eval.api.options import EvaluationOptions, as_command, check_options
from emma_eval.api.places import Folders, PathText, Places
from emma_eval.api.progress import NoProgress, progress_in_python
from emma_eval.api.run import Run
from emma_eval.errors import EmmaEvalWarning, UserError
from emma_eval.models import ModelHandle, find_model
from emma_eval.models.objects import ObjectHandle, evaluation_mode
from emma_eval.results.manifest import MANIFEST_FILE
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import default_folder

if TYPE_CHECKING:
    from emma_eval.loggers.base import Target
    from emma_eval.runs.progress import RunProgress
    from emma_eval.types import EngineName


LOADING = (  # options of how a model is loaded, which an object is already
    "device",
    "dtype",
    "model_option",
    "base_url",
    "fast_preprocess",
    "engine",
    "engine_option",
    "replicas",
    "ray",
)
RECOGNISED_BY = "give it, or evaluate(), a `fingerprint`, a text that differs whenever it would answer otherwise"


def evaluate(  # noqa: PLR0913 (the options of a command, each of its own)
    model: Any = "emma-mini",
    tasks: str | Sequence[str] = "mini",
    *,
    data: PathText | None = None,
    output: PathText | None = None,
    name: str | None = None,
    limit: int | None = None,
    seed: int | None = None,
    engine: EngineName = "built-in",
    engine_option: Mapping[str, Any] | None = None,
    batch_size: int | Literal["auto"] = "auto",
    device: str | None = None,
    dtype: str | None = None,
    protocol: Mapping[str, str] | None = None,
    wording: Mapping[str, str] | None = None,
    file: Mapping[str, PathText] | None = None,
    allow_partial: bool = False,
    model_option: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    fast_preprocess: bool = False,
    max_errors: int | str | None = None,
    answers_only: bool = False,
    retry_failed: bool = False,
    replicas: int | None = None,
    shard: str | None = None,
    ray: str | None = None,
    log: str | Sequence[str] = (),
    log_samples: int = 100,
    task_dir: Folders = (),
    include_path: Folders = (),
    offline: bool = False,
    fingerprint: str | None = None,
    progress: bool | RunProgress = True,
) -> Run:
    """Answer benchmarks with a model, and score the answers; go on where the folder's run stopped.

    `model` is what --model takes, an object with a method `generate(messages)`, a function from a Message to a text, or
    a model of `load_model`. The other options are those of the command `run`, by their names; `protocol` and `wording`
    map a task to its choice, `file` TASK.KEY to a path, `model_option` and `engine_option` an option to its value. Of
    an object, `fingerprint` is a text that differs when it would answer otherwise: without it no run is resumed.
    `progress` is False for silence.

    Returns the run, also where samples failed (`run.failed`). Raises EmmaEvalError with a message of one line:
    UserError for a mistake, TooManyFailuresError past `max_errors`; OSError if the disk is full. KeyboardInterrupt and
    whatever else ends it leave a folder that the same call resumes.
    """
    given = locals()
    options = check_options({key: given[key] for key in EvaluationOptions.model_fields})
    return _evaluate(model, options, fingerprint, progress)


def _evaluate(model: Any, options: EvaluationOptions, fingerprint: str | None, progress: bool | RunProgress) -> Run:
    """The run of the checked options."""
    places = Places(options.data, {}, options.task_dir, options.include_path, options.offline)
    with places.known():
        handle = _handle(model, options, fingerprint)
        settings = options.settings(handle.spec, as_command(handle.spec.source, options))
        places = replace(places, files=settings.files)
        identity = handle.fingerprint() if isinstance(handle, ObjectHandle) else ""
        folder = options.output or default_folder(settings, handle.deciding_options, identity)
        if isinstance(handle, ObjectHandle) and not handle.is_recognised:
            _require_new(folder, handle)
        targets = _log_targets(options)
        with evaluation_mode(model):
            run_evaluation(settings, folder, _progress(progress), handle)
    run = Run(folder, places)
    if targets:
        run.log_to(targets, options.log_samples)
    return run


def _log_targets(options: EvaluationOptions) -> list[Target]:
    """The targets of `log`, ready before any data are read. Raises UserError for one that is not."""
    if options.log and (options.answers_only or options.shard):
        raise UserError("log shows scores, which answers_only and shard leave to another session")
    if not options.log:
        return []
    from emma_eval.loggers.base import open_targets

    return open_targets(options.log, "log")


def _handle(model: Any, options: EvaluationOptions, fingerprint: str | None) -> ModelHandle:
    """The handle of a model by its name, or of an object. Raises UserError for an option that has no meaning for it."""
    if isinstance(model, str | PathLike):
        if fingerprint is not None:
            raise UserError("fingerprint: that of a named model is computed; give one for an object alone")
        return find_model(options.spec(str(model)))
    for option in LOADING:
        if getattr(options, option) != EvaluationOptions.model_fields[option].default:
            raise UserError(f"{option}: the model is an object, loaded already; {option} is for models given by name")
    return ObjectHandle(model, fingerprint, options.seed or 0)


def _require_new(folder: Path, handle: ObjectHandle) -> None:
    """Warn that the run cannot be resumed. Raises UserError if one is in the folder: its model may be another."""
    name = handle.spec.source
    if (folder / MANIFEST_FILE).exists():
        raise UserError(
            f"{folder} holds a run already, and whether {name} began it cannot be told: {RECOGNISED_BY}, "
            "or choose another folder with output"
        )
    # the warning is shown where evaluate was called
    warnings.warn(f"a run of {name} cannot be resumed: {RECOGNISED_BY}", EmmaEvalWarning, stacklevel=4)


def _progress(progress: bool | RunProgress) -> RunProgress:
    if isinstance(progress, bool):
        return progress_in_python() if progress else NoProgress()
    return progress
