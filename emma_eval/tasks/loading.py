"""Load a task file as a validated TaskConfig: files merged along `extends`, mistakes reported in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from emma_eval.errors import UserError
from emma_eval.registry import entries
from emma_eval.tasks.aliases import old_names, with_current_names
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.index import LISTING, task_files, task_groups, task_names
from emma_eval.tasks.reader import get_reader, takes_columns
from emma_eval.tasks.sources import find_source
from emma_eval.utils.text import did_you_mean
from emma_eval.utils.validation import violation_in_words
from emma_eval.utils.yaml_io import read_yaml


def load_task(name: str, folder: Path | None = None) -> TaskConfig:
    """The task of that name. Raises UserError, one line, for anything wrong with its file."""
    if source := find_source(name):
        return source[0].load(source[1])
    files = task_files(folder)
    if name not in files or name.startswith("_"):
        groups = task_groups(folder) if name and not name.startswith("_") else {}
        if name in groups:
            raise UserError(f"{name!r} is a group; one task is expected: {', '.join(groups[name])}")
        raise UserError(f"unknown task {name!r}{did_you_mean(name, task_names(folder)) or f'; {LISTING}'}")
    path = files[name]
    content = _read_merged(path, files, ())
    if "name" in content:
        raise UserError(f"{path}: unknown key 'name'; a task is named by its file")
    try:
        task = TaskConfig.model_validate({**content, **_complete_wordings(content), "name": name})
    except ValidationError as error:
        raise UserError(f"{path}: {_describe_violation(error)}") from error
    _check_names(task, path)
    return task


def renamed_keys(name: str, folder: Path | None = None) -> list[str]:
    """A line for each old name that a task's own file uses, those that it extends left out."""
    if find_source(name):  # which is no file here
        return []
    return [
        f"{old} is an old name, still read; today's is {new}"
        for old, new in old_names(read_yaml(task_files(folder)[name]))
    ]


def _read_merged(path: Path, files: Mapping[str, Path], children: tuple[Path, ...]) -> dict[str, Any]:
    """A file's keys merged over those of the file it extends, and so on."""
    if path in children:
        chain = " -> ".join(p.stem for p in (*children, path))
        raise UserError(f"{children[0]}: key 'extends': goes round in a circle: {chain}")
    try:
        content = with_current_names(read_yaml(path))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
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


def _complete_wordings(content: dict[str, Any]) -> dict[str, Any]:
    """The file's wordings, each merged over the task's own prompt and generation."""
    wordings = content.get("wordings")
    if not isinstance(wordings, dict):
        return {}
    own = {key: content[key] for key in ("prompt", "generation") if isinstance(content.get(key), dict)}
    return {
        "wordings": {name: _merge(own, keys) if isinstance(keys, dict) else keys for name, keys in wordings.items()}
    }


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge key by key; anything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _describe_violation(error: ValidationError) -> str:
    """The first violation in one line, an unknown key before a missing one; the others are counted."""
    complaints = sorted(error.errors(include_url=False), key=lambda complaint: complaint["type"] != "extra_forbidden")
    first = complaints[0]
    location = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"unknown key {location!r}{did_you_mean(str(first['loc'][-1]), _fields_at(first['loc'][:-1]))}"
    elif first["type"] == "missing":
        text = f"key {location!r} is missing"
    else:
        what = violation_in_words(first)
        text = f"key {location!r}: {what}" if location else what
    return text + (f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else "")


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema has at a location such as ('hub', 'images')."""
    model: Any = TaskConfig
    for part in location:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        candidates = (annotation, *getattr(annotation, "__args__", ()))
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if model is None:
            return []
    return [*model.model_fields, "extends"] if model is TaskConfig else list(model.model_fields)


def _check_names(task: TaskConfig, path: Path) -> None:
    """Check names that are registered elsewhere: reader, its files, scorers, suite, submission format, protocol."""
    readers, scorers, suites = (entries(kind) for kind in ("readers", "scorers", "suites"))
    if task.reader not in readers:
        raise UserError(f"{path}: key 'reader': unknown reader {task.reader!r}{did_you_mean(task.reader, readers)}")
    if task.suite is not None and task.suite not in suites:
        raise UserError(f"{path}: key 'suite': unknown suite {task.suite!r}{did_you_mean(task.suite, suites)}")
    if takes_columns(task.reader) and task.columns is None:
        raise UserError(f"{path}: key 'columns' is missing; the reader {task.reader!r} needs it")
    if task.columns is not None and not takes_columns(task.reader):
        raise UserError(f"{path}: key 'columns' has no meaning for the reader {task.reader!r}")
    _check_files(task, path)
    for name, protocol in task.protocols.items():
        if protocol.scorer not in scorers:
            hint = did_you_mean(protocol.scorer, scorers)
            raise UserError(f"{path}: key 'protocols.{name}.scorer': unknown scorer {protocol.scorer!r}{hint}")
    for key, section, formats in (
        ("submission", task.submission, entries("submissions")),
        ("judge", task.judge, entries("judges")),
    ):
        if section is not None and section.format not in formats:
            hint = did_you_mean(section.format, formats)
            raise UserError(f"{path}: key {key!r}: unknown format {section.format!r}{hint}")
    if task.protocol not in task.protocols:
        hint = did_you_mean(task.protocol, task.protocols)
        raise UserError(f"{path}: key 'protocol': unknown protocol {task.protocol!r}{hint}")


def _check_files(task: TaskConfig, path: Path) -> None:
    """Check the keys of `files` against those of the task's reader."""
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
