"""Shipped task files, damaged."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from emma_eval.tasks.index import task_names, tasks_folder
from emma_eval.tasks.loading import load_task
from tests.bad_input.leaves import same
from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require


@dataclass(frozen=True)
class Tasks:
    """A copy of the folder of tasks, and what each task is before."""

    folder: Path
    clean: dict[str, dict[str, Any]]


def prepare(folder: Path) -> Tasks:
    """All shipped task files, as they are."""
    shutil.copytree(tasks_folder(), copied := folder / "tasks")
    return Tasks(copied, {name: load_task(name, copied).model_dump() for name in task_names(copied)})


def examine(tasks: Tasks, rng: random.Random) -> Outcome:
    """Damage a task's file, as bytes or in one value or key, and load the task."""
    name = rng.choice(sorted(tasks.clean))
    path = tasks.folder / f"{name}.yaml"
    before = path.read_bytes()
    after = damaged(before, rng) if rng.random() < 0.5 else _with_other_value(before, rng)
    path.write_bytes(after)
    try:
        loaded = load_task(name, tasks.folder).model_dump()
    finally:
        path.write_bytes(before)
    try:
        content = _yaml(after)
    except (yaml.YAMLError, ValueError) as error:
        require(False, f"{name} is loaded, though the file is no YAML: {error!s:.200}")
    old = yaml.safe_load(before)
    is_same = same(loaded, tasks.clean[name])
    if same(content, old):
        require(is_same, f"{name} is another task, though its file says the same")
        return Outcome.SAME
    if is_same:
        require(
            _normalized(content) == _normalized(old) or _only_inherited(content, old, loaded),
            f"{name}: what was changed is ignored",
        )
        return Outcome.SAME
    return Outcome.CHANGED


def _yaml(data: bytes) -> Any:
    """The content by PyYAML's faster loader, which takes a tab between tokens, as YAML has it."""
    return yaml.load(data.decode("utf-8-sig"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _with_other_value(data: bytes, rng: random.Random) -> bytes:
    content = with_hostile_value(yaml.safe_load(data), rng)
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def _normalized(content: Any) -> Any:
    """One item and a list of it are the same to a task, and so are a number and its text, an empty part and none."""
    if isinstance(content, dict):
        parts = {str(key): _normalized(value) for key, value in content.items()}
        return {key: value for key, value in parts.items() if value not in ("", None)}
    if isinstance(content, list):
        return _normalized(content[0]) if len(content) == 1 else [_normalized(value) for value in content] or ""
    return "" if content is None else str(content)


def _only_inherited(content: Any, old: Any, loaded: dict[str, Any]) -> bool:
    """Whether the keys that differ say what the task has anyway, by its base or by default."""
    if not (isinstance(content, dict) and isinstance(old, dict)):
        return False
    differing = [key for key in content.keys() | old.keys() if not same(content.get(key, ...), old.get(key, ...))]
    return all(key not in content or _is_within(content[key], loaded.get(str(key))) for key in differing)


def _is_within(said: Any, loaded: Any) -> bool:
    if isinstance(said, dict) and isinstance(loaded, dict):
        return all(str(key) in loaded and _is_within(value, loaded[str(key)]) for key, value in said.items())
    return _normalized(said) == _normalized(list(loaded) if isinstance(loaded, tuple) else loaded)


TARGET = Target(
    name="tasks",
    what="the shipped task files, damaged as bytes, or with one value replaced or one key misspelt",
    wrong="a file that is no YAML is loaded; a changed value or a misspelt key leaves the task as it was",
    count=400,
    prepare=prepare,
    examine=examine,
)
