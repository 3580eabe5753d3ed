"""Joins the shards of one run, made by `run --shard I/N` on any machines, into an ordinary run folder.

The folder is made beside its place, as `.NAME.part`, and moved there whole: an interrupted merge leaves nothing half,
and the next one takes away what a killed one leaves. If there is an empty folder already (the current one, a volume),
its parts are moved into it, the manifest last.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from emma_eval.errors import UserError
from emma_eval.inference.loading import EngineChoice
from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.reports.published import load_published
from emma_eval.results.lock import lock_run_folder
from emma_eval.results.manifest import MANIFEST_FILE, Manifest, first_change, require_manifest, write_manifest
from emma_eval.results.responses import ResponseLog, log_path
from emma_eval.runs.plan import plan_task
from emma_eval.runs.progress import RunProgress
from emma_eval.runs.response_store import ResponseStore
from emma_eval.runs.runner import RunResult, scored_result
from emma_eval.runs.session import open_session
from emma_eval.runs.settings import RunSettings
from emma_eval.types import InferenceStats
from emma_eval.utils.files import make_output_folder
from emma_eval.utils.text import pluralize


@dataclass(frozen=True, slots=True)
class MergeSettings:
    """The options of `merge`: where the samples are, for scoring."""

    data: Path | None = None
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)  # task -> file key -> path
    answers_only: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class _ShardRun:
    """A shard's folder as it was read."""

    folder: Path
    number: int
    of: int
    manifest: Manifest
    responses: ResponseStore


class RecordedModel(ModelHandle):
    """The model of a run that is only scored: what the manifest says of it. Its files need not be on this machine."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(ModelSpec(manifest.model.source, options=manifest.settings.model_options))
        self._facts = manifest.model
        self.deciding_options = manifest.settings.model_options

    def fingerprint(self) -> str:
        """As recorded."""
        return self._facts.weights

    def config_digest(self) -> str:
        """As recorded."""
        return self._facts.config

    def load(self) -> NoReturn:
        """Raises UserError: scoring asks nothing."""
        raise UserError(f"the recorded manifest does not say how {self._facts.name} is asked; `run` the shards again")


def merge_shards(folders: Sequence[Path], output: Path, settings: MergeSettings, progress: RunProgress) -> RunResult:
    """Write one run folder of all shards and score it. Its answers and scores are those of the run without --shard.

    Raises UserError, naming the folder, for a shard that is missing, doubled, unfinished or of another run, and for an
    output folder that exists.
    """
    home = output if output.exists() else output.parent
    place = home / f".{output.name}.part"
    if output.exists() and (not output.is_dir() or any(path != place for path in output.iterdir())):
        raise UserError(f"{output} exists; name a folder that does not with --output")
    paths = [folder.resolve() for folder in folders]
    if twice := [folder for folder, path in zip(folders, paths, strict=True) if paths.count(path) > 1]:
        raise UserError(f"{twice[0]} is given twice; give every shard once")
    with ExitStack() as locks:
        shards = sorted((_read(folder, locks) for folder in folders), key=lambda shard: shard.number)
        _require_whole(shards)
        make_output_folder(home)
        with _draft(place) as draft:
            merged = _joined(shards, settings.name)
            write_manifest(draft, merged)
            _write_responses(shards, draft)
            result = _scored(merged, draft, settings, progress)
            _move(draft, output)
    return replace(result, folder=output)


@contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """An empty folder below `place`, which is gone at the end. Raises UserError while another process has it."""
    place.mkdir(exist_ok=True)
    is_ours = False
    try:
        with lock_run_folder(place):
            is_ours = True
            draft = place / "run"
            shutil.rmtree(draft, ignore_errors=True)  # of a merge that was killed
            draft.mkdir()
            yield draft
    finally:
        if is_ours:
            shutil.rmtree(place, ignore_errors=True)


def _move(draft: Path, output: Path) -> None:
    if not output.exists():
        draft.rename(output)
        return
    for path in sorted(draft.iterdir(), key=lambda path: path.name == MANIFEST_FILE):
        path.rename(output / path.name)


def _read(folder: Path, locks: ExitStack) -> _ShardRun:
    """A shard, locked against a `run` that would write to it. Raises UserError if the folder holds none."""
    manifest = require_manifest(folder)
    if manifest.settings.shard is None:
        raise UserError(f"{folder} holds a run of its own, not a shard; shards are made by run --shard I/N")
    locks.enter_context(lock_run_folder(folder))
    number, _, of = manifest.settings.shard.partition("/")
    return _ShardRun(folder, int(number), int(of), manifest, ResponseStore(folder, list(manifest.tasks)))


def _require_whole(shards: Sequence[_ShardRun]) -> None:
    """Raise UserError unless these are all shards of one run, each finished, with every request in one of them."""
    first = shards[0]
    for shard in shards[1:]:
        if shard.of != first.of:
            raise UserError(f"{shard.folder} is one of {shard.of} shards and {first.folder} one of {first.of}")
        if change := first_change(_unsharded(first.manifest), _unsharded(shard.manifest)):
            raise UserError(
                f"{first.folder} (then) and {shard.folder} (now) are not shards of one run: {change}; "
                "their answers must not be mixed"
            )
    by_number = {shard.number: shard for shard in reversed(shards)}
    for shard in shards:
        if by_number[shard.number] is not shard:
            other = by_number[shard.number].folder
            raise UserError(f"{other} and {shard.folder} are both shard {shard.number}/{shard.of}; give one of them")
    if missing := [str(number) for number in range(1, first.of + 1) if number not in by_number]:
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(f"of {first.of} shards, {', '.join(missing)} {verb} missing; run --shard makes them")
    for shard in shards:
        _require_finished(shard)
    for task, facts in first.manifest.tasks.items():
        _require_each_once(task, facts.requests, shards)


def _require_finished(shard: _ShardRun) -> None:
    """Raise UserError if a request of the shard has no response."""
    for task, facts in shard.manifest.tasks.items():
        if (missing := facts.asked - len(shard.responses.of(task))) > 0:
            raise UserError(
                f"{shard.folder}: shard {shard.number}/{shard.of} is not finished: "
                f"{pluralize(missing, 'request')} of task {task} without a response; its command goes on"
            )


def _require_each_once(task: str, requests: int, shards: Sequence[_ShardRun]) -> None:
    """Raise UserError if the shards, made by other versions of this program, say, have not divided the requests."""
    owners: dict[object, Path] = {}
    for shard in shards:
        for key in shard.responses.of(task):
            if key in owners:
                raise UserError(f"sample {key[0]} of task {task} is in {owners[key]} and in {shard.folder}")
            owners[key] = shard.folder
    if len(owners) != requests:
        raise UserError(f"the shards have {len(owners):,} of the {requests:,} requests of task {task}; run them again")


def _unsharded(manifest: Manifest) -> Manifest:
    """The manifest of the run that a shard is of."""
    tasks = {name: facts.model_copy(update={"shard_requests": None}) for name, facts in manifest.tasks.items()}
    return manifest.model_copy(
        update={"tasks": tasks, "settings": manifest.settings.model_copy(update={"shard": None})}
    )


def _joined(shards: Sequence[_ShardRun], name: str) -> Manifest:
    """The merged run's manifest, with the sessions of all shards by the time that they began."""
    sessions = sorted((one for shard in shards for one in shard.manifest.sessions), key=lambda one: one.started)
    name = name or next((shard.manifest.name for shard in shards if shard.manifest.name), "")
    return _unsharded(shards[0].manifest).model_copy(update={"sessions": tuple(sessions), "name": name})


def _write_responses(shards: Sequence[_ShardRun], folder: Path) -> None:
    """The last response to each request, in the order of the shards."""
    for task in shards[0].manifest.tasks:
        with ResponseLog(log_path(folder, task), 0) as log:
            for shard in shards:
                for response in shard.responses.of(task).values():
                    log.append(response)


def _scored(merged: Manifest, folder: Path, settings: MergeSettings, progress: RunProgress) -> RunResult:
    """Score the merged responses as `run` does; with answers_only nothing but the number of failures."""
    store = ResponseStore(folder, list(merged.tasks))
    if settings.answers_only:
        return RunResult(folder, sum(one.text is None for task in merged.tasks for one in store.of(task).values()))
    run = _run_settings(merged, settings)
    plans = [plan_task(name, run) for name in run.tasks]
    model = RecordedModel(merged)
    with lock_run_folder(folder), progress, closing(open_session(run, model, folder, plans, progress)) as session:
        result = scored_result(session, store, load_published())
        session.end("finished", 0, 0, InferenceStats())
    return result


def _run_settings(merged: Manifest, settings: MergeSettings) -> RunSettings:
    """The settings of the merged run, with this machine's data."""
    return RunSettings(
        model=ModelSpec(merged.model.source, options=merged.settings.model_options),
        tasks=tuple(merged.tasks),
        suite="",
        data=settings.data,
        files=settings.files,
        limit=merged.settings.limit,
        seed=merged.settings.seed,
        protocols={name: facts.protocol for name, facts in merged.tasks.items()},
        wordings={name: facts.wording for name, facts in merged.tasks.items()},
        allow_partial=merged.settings.allow_partial,
        engine=EngineChoice(merged.settings.engine),
        name=settings.name,
    )
