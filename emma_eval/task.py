"""What a task is: the schema of `tasks/*.yaml`, and how one file becomes a TaskConfig.

A task names its data (local files below a root, or a hub data set), how it is asked, and how it is scored.
`extends: base` merges the file over another one, key by key; bases that are no tasks begin with `_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator, model_validator

from emma_eval.errors import UserError
from emma_eval.files import inside
from emma_eval.readers.columns import Columns
from emma_eval.readers.registry import SUITES, get_reader, known_readers, takes_columns
from emma_eval.task_parts import (
    ExpectedConfig,
    GenerationConfig,
    HubConfig,
    PromptConfig,
    ScorerConfig,
    Strict,
    SubmissionConfig,
    WordingConfig,
    as_tuple,
)
from emma_eval.tasks_index import task_files, task_groups, task_names
from emma_eval.text import did_you_mean
from emma_eval.yaml_file import read_yaml


def _as_submission(value: Any) -> Any:
    return {"format": value} if isinstance(value, str) else value


class TaskConfig(Strict):
    """One task, validated. `name` is the file's stem."""

    name: str
    title: str = Field(description="shown in tables")
    benchmark: str = Field(description="with split and metric decides what may stand in one column")
    split: str
    homepage: str = Field(default="", description="where the official files come from")
    reader: str
    files: dict[str, Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]] = Field(
        default_factory=dict, description="paths below the data root; of several the first existing one"
    )
    suite: str | None = Field(default=None, description="the shipped data set that `files` are in, instead of --data")
    hub: HubConfig | None = None
    columns: Columns | None = Field(default=None, description="what stands in which column, for the reader `table`")
    select: dict[str, str | bool] = Field(
        default_factory=dict, description="keep samples whose meta entries equal these"
    )
    prompt: PromptConfig = PromptConfig()
    generation: GenerationConfig = GenerationConfig()
    wording: str = Field(default="", description="the model family whose scripts ask so, where others ask otherwise")
    wordings: dict[str, WordingConfig] = Field(
        default_factory=dict, description="model family -> what its own scripts ask otherwise: prompt, generation"
    )
    circular: bool = Field(default=False, description="ask once per rotation of the options")
    metric: str = Field(description="the primary metric's name")
    protocol: str = Field(default="official", description="the protocol used when none is named")
    protocols: dict[str, ScorerConfig] = Field(min_length=1)
    submission: Annotated[SubmissionConfig | None, BeforeValidator(_as_submission)] = Field(
        default=None, description="the file that a judge or a test server takes: a format's name, or its keys"
    )
    expected: ExpectedConfig

    @field_validator("files")
    @classmethod
    def _files_stay_below_the_root(cls, files: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for names in files.values():
            for name in names:
                inside(name)
        return files

    @model_validator(mode="after")
    def _wordings_have_names(self) -> TaskConfig:
        if self.wordings and not self.wording:
            raise ValueError("key 'wording' must say whose wording `prompt` is, beside those of `wordings`")
        if self.wording in self.wordings:
            raise ValueError(f"key 'wordings': {self.wording!r} is the wording of `prompt` itself")
        return self

    def wording_of(self, family: str | None) -> str:
        """The wording that a model of this family is asked in: its own, else the task's."""
        return family if family in self.wordings and family else self.wording

    def worded(self, wording: str) -> TaskConfig:
        """The task as the scripts of that family ask. Raises UserError for a wording that it does not have."""
        if wording == self.wording:
            return self
        if wording not in self.wordings:
            known = (self.wording, *self.wordings) if self.wording else ()
            hint = did_you_mean(wording, known) or "; it has but one"
            raise UserError(f"task {self.name}: unknown wording {wording!r}{hint}")
        own = self.wordings[wording]
        return self.model_copy(update={"prompt": own.prompt, "generation": own.generation})

    def scorer_config(self, protocol: str | None = None) -> ScorerConfig:
        """The scorer of a protocol, the default one for None. Raises UserError for an unknown protocol."""
        name = protocol or self.protocol
        if name not in self.protocols:
            raise UserError(f"task {self.name}: unknown protocol {name!r}{did_you_mean(name, self.protocols)}")
        return self.protocols[name]

    def primary_metric(self, protocol: str | None = None) -> str:
        """The name of a protocol's primary metric, the default one's for None. Raises UserError for an unknown one."""
        return self.scorer_config(protocol).metric or self.metric


def load_task(name: str, folder: Path | None = None) -> TaskConfig:
    """The task of that name. Raises UserError, one line, for anything wrong with its file."""
    known = task_names(folder)
    if name not in known:
        groups = task_groups(folder) if name and not name.startswith("_") else {}
        if name in groups:
            raise UserError(f"{name!r} is a group; one task is expected: {', '.join(groups[name])}")
        raise UserError(f"unknown task {name!r}{did_you_mean(name, known)}")
    files = task_files(folder)
    path = files[name]
    content = _read_merged(path, files, ())
    if "name" in content:
        raise UserError(f"{path}: unknown key 'name'; a task is named by its file")
    try:
        task = TaskConfig.model_validate({**content, **_whole_wordings(content), "name": name})
    except ValidationError as error:
        raise UserError(f"{path}: {_in_our_words(error)}") from error
    _check_names(task, path)
    return task


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a task file, for editors: what load_task takes, so nothing is required beside `extends`."""
    schema: dict[str, Any] = TaskConfig.model_json_schema(mode="validation")
    properties = {key: value for key, value in schema["properties"].items() if key != "name"}
    properties["extends"] = {"type": "string", "description": "the task or base (`_name`) this file is merged over"}
    properties["reader"]["enum"] = sorted(known_readers())
    text_or_list = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    properties["files"]["additionalProperties"] = text_or_list
    properties["submission"]["anyOf"].append({"type": "string"})
    required = [str(key) for key in schema["required"] if key != "name"]
    schema |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "emma-eval task",
        "properties": properties,
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }
    del schema["required"]
    samples = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
    schema["$defs"]["ExpectedConfig"]["properties"]["samples"] = samples
    return schema


def _read_merged(path: Path, files: Mapping[str, Path], children: tuple[Path, ...]) -> dict[str, Any]:
    """A file's keys merged over those of the file it extends, and so on."""
    if path in children:
        chain = " -> ".join(p.stem for p in (*children, path))
        raise UserError(f"{children[0]}: key 'extends': goes round in a circle: {chain}")
    content = read_yaml(path)
    if "extends" not in content:
        return content
    base = content.pop("extends")
    if not isinstance(base, str):
        raise UserError(f"{path}: key 'extends': the name of a task or base is expected, not {type(base).__name__}")
    if base not in files:
        raise UserError(f"{path}: key 'extends': no task or base {base!r}{did_you_mean(base, files)}")
    inherited = _read_merged(files[base], files, (*children, path))
    if isinstance(content.get("hub"), dict) and isinstance(inherited.get("hub"), dict) and "id" in content["hub"]:
        inherited["hub"].pop("revision", None)  # a commit is of one data set, and this file names its own
    if "prompt" in content and "wordings" not in content:  # a prompt of its own is nobody else's wording
        inherited = {key: value for key, value in inherited.items() if key not in ("wording", "wordings")}
    return _merge(inherited, content)


def _whole_wordings(content: dict[str, Any]) -> dict[str, Any]:
    """The file's wordings, each merged over what the task asks itself."""
    wordings = content.get("wordings")
    if not isinstance(wordings, dict):
        return {}
    own = {key: content[key] for key in ("prompt", "generation") if isinstance(content.get(key), dict)}
    return {"wordings": {name: _merge(own, one) if isinstance(one, dict) else one for name, one in wordings.items()}}


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge key by key; anything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _in_our_words(error: ValidationError) -> str:
    """One violation in our words, a misspelt key before what is missing for it; the others are counted."""
    complaints = sorted(error.errors(include_url=False), key=lambda complaint: complaint["type"] != "extra_forbidden")
    first = complaints[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"unknown key {place!r}{did_you_mean(str(first['loc'][-1]), _fields_at(first['loc'][:-1]))}"
    elif first["type"] == "missing":
        text = f"key {place!r} is missing"
    else:
        text = f"key {place!r}: {first['msg'].removeprefix('Value error, ')}" if place else first["msg"]
    return text + (f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else "")


def _fields_at(place: tuple[int | str, ...]) -> list[str]:
    """The keys the schema knows at a place such as ('hub', 'images')."""
    model: Any = TaskConfig
    for part in place:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        candidates = (annotation, *getattr(annotation, "__args__", ()))
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if model is None:
            return []
    return [*model.model_fields, "extends"] if model is TaskConfig else list(model.model_fields)


def _check_names(task: TaskConfig, path: Path) -> None:
    """Names that only other modules know: reader, its files, scorers, the default protocol."""
    from emma_eval.scorers import known_scorers
    from emma_eval.submissions import FORMATS

    readers, scorers = known_readers(), known_scorers()
    if task.reader not in readers:
        raise UserError(f"{path}: key 'reader': unknown reader {task.reader!r}{did_you_mean(task.reader, readers)}")
    if task.suite is not None and task.suite not in SUITES:
        raise UserError(f"{path}: key 'suite': unknown suite {task.suite!r}{did_you_mean(task.suite, SUITES)}")
    if takes_columns(task.reader) and task.columns is None:
        raise UserError(f"{path}: key 'columns' is missing; the reader {task.reader!r} needs it")
    if task.columns is not None and not takes_columns(task.reader):
        raise UserError(f"{path}: key 'columns' has no meaning for the reader {task.reader!r}")
    _check_files(task, path)
    for name, protocol in task.protocols.items():
        if protocol.scorer not in scorers:
            hint = did_you_mean(protocol.scorer, scorers)
            raise UserError(f"{path}: key 'protocols.{name}.scorer': unknown scorer {protocol.scorer!r}{hint}")
    if task.submission is not None and task.submission.format not in FORMATS:
        name = task.submission.format
        raise UserError(f"{path}: key 'submission': unknown format {name!r}{did_you_mean(name, FORMATS)}")
    if task.protocol not in task.protocols:
        hint = did_you_mean(task.protocol, task.protocols)
        raise UserError(f"{path}: key 'protocol': unknown protocol {task.protocol!r}{hint}")


def _check_files(task: TaskConfig, path: Path) -> None:
    """The keys of `files`, as the task's reader has them."""
    reader = get_reader(task.reader, task.columns)
    for key in task.files:
        if key not in reader.keys:
            raise UserError(f"{path}: unknown key 'files.{key}'{did_you_mean(key, reader.keys)}")
    for key in task.expected.sha256:
        if key not in task.files:
            raise UserError(f"{path}: unknown key 'expected.sha256.{key}'{did_you_mean(key, task.files)}")
    for key in reader.required:
        if key not in task.files:
            raise UserError(f"{path}: key 'files.{key}' is missing; the reader {task.reader!r} needs it")
