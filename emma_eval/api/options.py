"""The options of `evaluate`, checked: names and meanings are those of the command `run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from emma_eval.api.task import as_integer
from emma_eval.errors import UserError
from emma_eval.inference.loading import EngineChoice
from emma_eval.inference.replicas.loading import Scale
from emma_eval.models.base import ModelSpec
from emma_eval.runs.settings import ErrorLimit, RunSettings, Shard, require_run, run_name, split_names
from emma_eval.tasks.index import expand_tasks
from emma_eval.types import EngineName
from emma_eval.utils.validation import violation_in_words


def _as_names(value: Any) -> Any:
    return split_names(value) if isinstance(value, str) else list(value) if isinstance(value, tuple) else value


def _as_text(value: Any) -> Any:
    """Options of a model as --model-option has them."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _as_dict(value: Any) -> Any:
    return {} if value is None else dict(value) if isinstance(value, Mapping) else value


def _as_folder(value: Any) -> Any:
    if value == "":
        raise ValueError("a folder's name is expected")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_paths(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


Count = Annotated[PositiveInt, BeforeValidator(as_integer)]
Texts = Annotated[dict[str, str], BeforeValidator(_as_dict)]
OwnOptions = Annotated[dict[str, Annotated[str, BeforeValidator(_as_text)]], BeforeValidator(_as_dict)]
Files = Annotated[dict[str, Path], BeforeValidator(_as_dict)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_paths)]


class EvaluationOptions(BaseModel):
    """What `evaluate` takes beside the model and how it shows progress."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: Annotated[list[str], BeforeValidator(_as_names), Field(min_length=1)]
    data: Path | None = None
    output: Annotated[Path, BeforeValidator(_as_folder)] | None = None
    name: Annotated[str, BeforeValidator(run_name)] | None = None
    limit: Count | None = None
    seed: Annotated[int, BeforeValidator(as_integer), Field(gt=-(10**18), lt=10**18)] | None = None
    engine: EngineName = "built-in"
    engine_option: OwnOptions = {}
    batch_size: Count | Literal["auto"] = "auto"
    device: str | None = None
    dtype: str | None = None
    protocol: Texts = {}
    wording: Texts = {}
    file: Files = {}
    allow_partial: bool = False
    model_option: OwnOptions = {}
    base_url: str | None = None
    fast_preprocess: bool = False
    max_errors: Annotated[ErrorLimit, BeforeValidator(lambda value: ErrorLimit.parse(str(value)))] | None = None
    answers_only: bool = False
    retry_failed: bool = False
    replicas: Count | None = None
    shard: Annotated[Shard, BeforeValidator(lambda value: Shard.parse(str(value)))] | None = None
    ray: str | None = None
    log: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    log_samples: Annotated[int, BeforeValidator(as_integer), Field(ge=0)] = 100
    task_dir: Paths = ()
    include_path: Paths = ()
    offline: bool = False

    @property
    def of_the_model(self) -> dict[str, str]:
        """The model's own options, those with a keyword here included."""
        own = {"base_url": self.base_url, "fast_preprocess": "true" if self.fast_preprocess else None}
        return self.model_option | {name: value for name, value in own.items() if value is not None}

    def spec(self, source: str) -> ModelSpec:
        """The model of that name with these options."""
        return ModelSpec(source, self.device, self.dtype, self.of_the_model, self.seed or 0)

    def settings(self, model: ModelSpec, command: tuple[str, ...]) -> RunSettings:
        """The settings of a run. Raises UserError for tasks that do not exist, or are not run."""
        tasks = tuple(expand_tasks(self.tasks))
        for option, named in (("protocol", self.protocol), ("wording", self.wording)):
            for task in named:
                require_run(task, tasks, f"{option} of {task}")
        return RunSettings(
            model=model,
            tasks=tasks,
            suite="+".join(self.tasks),
            data=self.data,
            files=self.files_by_task(tasks),
            limit=self.limit,
            seed=self.seed,
            batch_size=self.batch_size,
            protocols=self.protocol,
            wordings=self.wording,
            allow_partial=self.allow_partial,
            max_errors=self.max_errors,
            retry_failed=self.retry_failed,
            name=self.name or "",
            answers_only=self.answers_only,
            scale=Scale(self.replicas, self.ray),
            engine=EngineChoice(self.engine, self.engine_option),
            shard=self.shard,
            command=command,
        )

    def files_by_task(self, tasks: tuple[str, ...]) -> Mapping[str, Mapping[str, Path]]:
        """`file` as task -> key -> path. Raises UserError for another key than TASK.KEY."""
        files: dict[str, dict[str, Path]] = {}
        for name, path in self.file.items():
            task, dot, key = name.partition(".")
            if not (dot and key):
                raise UserError(
                    f"file {name!r}: a key TASK.KEY is expected, as in file={{'pope.random': 'random.json'}}"
                )
            require_run(task, tasks, f"file {name!r}")
            files.setdefault(task, {})[key] = path
        return files


def check_options(options: Mapping[str, Any]) -> EvaluationOptions:
    """The options, each of its type. Raises UserError that names the first that is not."""
    try:
        return EvaluationOptions.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0])
        raise UserError(f"{key}={options[key]!r:.80}: {violation_in_words(first)}") from None


def as_command(model: str, options: EvaluationOptions) -> tuple[str, ...]:
    """The call, for the run's record: options at their defaults are left out."""
    given = ((name, getattr(options, name)) for name in type(options).model_fields if name in options.model_fields_set)
    default = {name: field.default for name, field in type(options).model_fields.items()}
    shown = [f"{name}={_plain(value)!r}" for name, value in given if value != default[name]]
    return ("emma_eval.evaluate", f"model={model!r}", *shown)


def _plain(value: Any) -> Any:
    """A value as the caller may have written it."""
    match value:
        case Path() | ErrorLimit() | Shard():
            return str(value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
    return value
