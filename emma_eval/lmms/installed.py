"""The installed package lmms-eval: imported when it is needed, its index of tasks read once."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from emma_eval.errors import MissingToolError, UserError
from emma_eval.tasks.sources import include_paths
from emma_eval.utils.text import did_you_mean, error_message

HOW_TO_INSTALL = "pip install 'emma-eval[lmms]', see docs/lmms-eval.md"
MODEL_NAME = "emma"  # by which tasks choose among wordings for models; most know `default` alone


def require_lmms() -> None:
    """Raise MissingToolError unless lmms-eval is installed."""
    lmms_version()


def lmms_version() -> str:
    """The installed version. Raises MissingToolError."""
    try:
        return metadata.version("lmms-eval")
    except metadata.PackageNotFoundError as error:
        raise MissingToolError(f"tasks named lmms:NAME need the package lmms-eval: {HOW_TO_INSTALL}") from error


def lmms_module(name: str) -> Any:
    """A module of lmms-eval. Raises MissingToolError where it is not installed, or does not import here.

    Its logger is switched off: it writes to standard output, where results alone belong.
    """
    version = lmms_version()
    try:
        module = importlib.import_module(name)
        from loguru import logger
    except Exception as error:  # what it imports may fail in any way: filelock 4 by a TypeError
        raise MissingToolError(
            f"lmms-eval {version} cannot be imported: {error_message(error)}; {HOW_TO_INSTALL}"
        ) from error
    logger.disable("lmms_eval")
    return module


@cache
def task_manager(folders: tuple[Path, ...]) -> Any:
    """lmms-eval's index of its own tasks and those in `folders`, whose names must be new. Raises UserError."""
    tasks = lmms_module("lmms_eval.tasks")
    try:
        manager = tasks.TaskManager("ERROR", include_path=[str(folder) for folder in folders], model_name=MODEL_NAME)
        own = tasks.TaskManager("ERROR", include_path=[*map(str, folders)], include_defaults=False) if folders else None
    except Exception as error:  # task files may fail in any way
        raise UserError(f"lmms-eval cannot read its task files: {error_message(error)}") from error
    for name, entry in own.task_index.items() if own else ():  # of one name `manager` keeps lmms-eval's own task
        found = manager.task_index[name]["yaml_path"]
        if found != entry["yaml_path"]:
            raise UserError(
                f"{entry['yaml_path']}: lmms-eval has a task or group {name!r} of its own, which would be run in place "
                "of this one; rename it"
            )
    return manager


def task_entry(manager: Any, name: str) -> Any:
    """What the index knows of a name. Raises UserError for an unknown one."""
    if name not in manager.task_index:
        near = get_close_matches(name, manager.all_tasks, 1)  # of thousands
        where = "" if include_paths() else " (--include-path DIR adds tasks of your own)"
        raise UserError(f"lmms-eval has no task {name!r}{did_you_mean(name, near)}{where}")
    return manager.task_index[name]


def leaf_names(tasks: Any) -> Sequence[str]:
    """The names of the tasks in lmms-eval's nested groups."""
    names: list[str] = []
    for name, value in tasks.items():
        names += leaf_names(value) if isinstance(value, dict) else [name]
    return names
