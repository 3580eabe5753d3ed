"""`manifest.json`: the facts needed to repeat a run, and to refuse a session that would continue a different one.

Model, tasks, data, prompts and settings decide the answers. They are fixed when the run begins, and a later session in
which they differ is refused. Versions, machine and batch size may change; they are recorded for each session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from emma_eval.errors import UserError
from emma_eval.types import EngineName, InferenceStats, ServerStats
from emma_eval.utils.files import write_atomic
from emma_eval.utils.neighbours import did_you_mean_folder
from emma_eval.utils.records import Record, read_record, to_json

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
VARIANT_OPTION = "variant"  # the model option by which a variant of a model (`ablate`) is told from the model

RENAMED_STATS = {"pictures": "images", "waiting_seconds": "idle_seconds", "memory_shortages": "oom_retries"}

SHARD = r"^[1-9]\d{0,4}/[1-9]\d{0,4}$"

Outcome = Literal["running", "interrupted", "stopped", "finished"]


class ModelFacts(Record):
    """The model. What is None at first is known once it is loaded."""

    renamed: ClassVar[Mapping[str, str]] = {"built": "summary"}

    name: str
    source: str = Field(description="the built-in name, path or hub name given")
    weights: str = Field(
        description="SHA-256 over weights, tokenizer, configuration and vision tower; of a server's "
        "model, which is not seen, over its name, host and options"
    )
    config: str = Field(description="SHA-256 of config.json")
    template: str | None = Field(default=None, description="name of the conversation template")
    template_digest: str | None = Field(default=None, description="SHA-256 of its text, where the text is known")
    summary: str | None = Field(default=None, description="what was built of which files, in words")
    family: str | None = Field(default=None, description="whose evaluation scripts the model is asked by")
    parameters: int | None = Field(default=None, description="of what was loaded: only what answers depend on")
    dtype: str | None = None
    device: str | None = Field(default=None, description="the kind of device: cpu, cuda, ...")


class TaskFacts(Record):
    """A task: configuration, protocol, data and prompts."""

    renamed: ClassVar[Mapping[str, str]] = {"truth": "reference_digest"}

    config: str = Field(description="SHA-256 over what the task file says about asking and scoring")
    protocol: str
    data: dict[str, str] = Field(description="data file -> SHA-256, or the hub data set; images are not hashed")
    reference_digest: str = Field(description="SHA-256 over sample ids and references")
    samples: int
    release: str = Field(default="", description="the official release with exactly these questions, if known")
    wording: str = Field(default="", description="the model family whose wording is used, of a task with several")
    requests: int = Field(default=0, description="more than samples if the task is circular")
    prompts: str = Field(default="", description="SHA-256 over every prompt, instruction and answer length")
    shard_requests: int | None = Field(default=None, description="of the requests, those that this shard asks")

    @property
    def asked(self) -> int:
        """Requests that this run, or shard, asks; of old records without them the samples."""
        return self.requests or self.samples if self.shard_requests is None else self.shard_requests


class SettingsFacts(Record):
    """The options that decide which samples are asked, and how the model answers them."""

    limit: int | None
    seed: int | None
    allow_partial: bool
    model_options: dict[str, str] = Field(default={}, description="of --model-option: those that answers depend on")
    shard: str | None = Field(default=None, pattern=SHARD, description="I/N: one of N shares of the requests is asked")
    engine: EngineName = Field(
        default="built-in", description="what computes the answers: built-in, or another program"
    )

    @model_validator(mode="before")
    @classmethod
    def _option_of_its_own(cls, content: Any) -> Any:
        """Records written before there were model options have a key `fast_preprocess`."""
        if isinstance(content, dict) and "fast_preprocess" in content:
            content = dict(content)
            if content.pop("fast_preprocess"):
                content["model_options"] = {"fast_preprocess": "true"}
        return content


class Session(Record):
    """One start of the program on this run."""

    renamed: ClassVar[Mapping[str, str]] = {"usage": "stats"}

    @field_validator("stats", mode="before")
    @classmethod
    def _todays_stats(cls, content: Any) -> Any:
        """The names that these counts have had; a share that follows from them was recorded too."""
        if not isinstance(content, dict):
            return content
        return {RENAMED_STATS.get(key, key): value for key, value in content.items() if key != "idle_share"}

    started: str = Field(description="ISO 8601, UTC")
    finished: str | None = None
    outcome: Outcome = "running"
    answered: int = Field(default=0, description="requests answered in this session")
    failed: int = Field(default=0, description="of those, the ones without an answer")
    command: tuple[str, ...]
    batch_size: int | str
    versions: dict[str, str]
    code: str = Field(description="SHA-256 over this program's own files")
    git_commit: str | None
    git_dirty: bool | None
    platform: str
    device_name: str | None = None
    replicas: int = Field(default=1, description="copies of the model that answered")
    ray: bool = Field(default=False, description="whether they ran on a Ray cluster")
    engine: dict[str, Any] = Field(default={}, description="of another program that computed: version and settings")
    stats: InferenceStats | None = None
    host_memory: int | None = Field(default=None, description="the process's peak, bytes; with replicas the sum of all")
    device_memory: int | None = Field(default=None, description="peak of what tensors took on the fullest GPU, bytes")


class Manifest(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    name: str = Field(default="", description="what --name calls the run in tables; it may change between sessions")
    model: ModelFacts
    settings: SettingsFacts
    tasks: dict[str, TaskFacts]
    sessions: tuple[Session, ...] = ()

    @property
    def status(self) -> Outcome:
        """How the last session ended; `running` without a process that holds the lock means that it was killed."""
        return self.sessions[-1].outcome if self.sessions else "running"


def served_in_all(sessions: Iterable[Session]) -> ServerStats | None:
    """What a server was asked in all sessions together; None if none asked one.

    Of a session that was killed, what it recorded last: its last minute is not counted.
    """
    asked = [one.stats.server for one in sessions if one.stats and one.stats.server]
    return sum(asked[1:], asked[0]) if asked else None


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a run folder, None if there is none. Raises UserError if it can't be read."""
    path = folder / MANIFEST_FILE
    if not path.exists():
        return None
    return read_record(path, Manifest, "begin another run with --output FOLDER")


def require_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder. Raises UserError if there is none, or it can't be read."""
    manifest = read_manifest(folder)
    if manifest is None:
        like_named = did_you_mean_folder(folder, MANIFEST_FILE)
        raise UserError(f"{folder} is not a run folder: it has no {MANIFEST_FILE}{like_named}")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, replacing an earlier one atomically."""
    write_atomic(folder / MANIFEST_FILE, to_json(manifest))


def first_change(before: Manifest, now: Manifest) -> str | None:
    """In words, one difference by which these are different runs; None if they are the same, as far as is known."""
    return next(_changes(before, now), None)


def require_same(folder: Path, before: Manifest, now: Manifest) -> None:
    """Raise UserError, naming the change, unless both describe the same run. Facts not known yet are not compared."""
    if change := first_change(before, now):
        raise UserError(
            f"{folder} holds a different run: {change}; their answers must not be mixed: restore what was, "
            "or begin another run with --output FOLDER"
        )


def _changes(before: Manifest, now: Manifest) -> Iterator[str]:
    old, new = before.model, now.model
    if old.weights != new.weights and old.name != new.name:
        yield f"the model was {old.name} and is {new.name} now"
    if old.weights != new.weights:
        part = "weights or tokenizer, or one of its options"
        if old.config != new.config:  # a loader that has one fingerprint for all of it gives it as both
            part = "configuration" if new.config != new.weights else f"{part}, or configuration"
        then, today = old.weights[:12], new.weights[:12]
        yield f"the model {new.source} has changed ({part}; fingerprint {then} then, {today} now)"
    for fact in ("template", "dtype", "device"):
        then, today = getattr(old, fact), getattr(new, fact)
        if None not in (then, today) and then != today:
            yield f"the model's {fact} was {then} and is {today} now"
    if old.template_digest and new.template_digest and old.template_digest != new.template_digest:
        yield f"the text of the conversation template {new.template} has changed"
    yield from _setting_changes(before.settings, now.settings)
    if before.tasks.keys() != now.tasks.keys():
        yield f"its tasks were {', '.join(before.tasks)} and are {', '.join(now.tasks)} now"
    for name, facts in now.tasks.items():
        yield from _task_changes(name, before.tasks[name], facts)


def _setting_changes(before: SettingsFacts, now: SettingsFacts) -> Iterator[str]:
    for option in ("limit", "seed", "allow_partial", "shard", "engine"):
        then, today = getattr(before, option), getattr(now, option)
        if then != today:
            yield f"--{option.replace('_', '-')} was {_option(then)} and is {_option(today)} now"
    for option in sorted(before.model_options.keys() | now.model_options.keys()):
        then, today = before.model_options.get(option), now.model_options.get(option)
        if then != today:
            yield f"--model-option {option} was {_option(then)} and is {_option(today)} now"


def _task_changes(name: str, old: TaskFacts, new: TaskFacts) -> Iterator[str]:
    if old.protocol != new.protocol:
        yield f"the protocol of task {name} was {old.protocol} and is {new.protocol} now"
    if old.config != new.config:
        yield f"the task file of {name} has changed"
    for file in sorted(old.data.keys() & new.data.keys()):
        if old.data[file] != new.data[file]:
            yield f"the data file {file} of task {name} has changed"
    if old.wording and new.wording and old.wording != new.wording:
        yield f"the wording of task {name} was that of {old.wording} and is that of {new.wording} now"
    if old.reference_digest != new.reference_digest or old.samples != new.samples:
        yield f"the samples of task {name} have changed ({old.samples:,} then, {new.samples:,} now)"
    if old.prompts and new.prompts and old.prompts != new.prompts:
        yield f"the prompts of task {name} have changed"


def _option(value: object) -> str:
    return "not given" if value in (None, False) else "given" if value is True else str(value)
