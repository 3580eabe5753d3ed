"""One task of lmms-eval, loaded with its data; what cannot be run here is refused, if possible before its data load."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.lmms.decoding import Decoding, read_decoding
from emma_eval.lmms.documents import Documents
from emma_eval.lmms.installed import leaf_names, lmms_module, lmms_version, task_entry, task_manager
from emma_eval.lmms.judges import client_of, judge_client
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.text import error_message

ANSWERED_BY = "generate_until"


@dataclass(frozen=True, eq=False)
class LmmsTask:
    """A `ConfigurableTask` of lmms-eval with the facts about it that a run records."""

    name: str
    task: Any
    definition: str  # SHA-256 over its YAML, merged, and the Python files beside it

    @cached_property
    def split(self) -> str:
        """The split whose documents are asked: `test_split`, else `validation_split`."""
        config = self.task.config
        return str(config.test_split if config.test_split is not None else config.validation_split)

    @cached_property
    def documents(self) -> Documents:
        """The documents with their images."""
        return Documents(self.task.dataset[self.split], f"lmms:{self.name}")

    @property
    def decoding(self) -> Decoding:
        """Length and stop texts of its answers."""
        return read_decoding(self.task.config.generation_kwargs, f"task lmms:{self.name}")

    @cached_property
    def data(self) -> dict[str, str]:
        """What its data are, for the manifest: the data set and split, and the hash of each file on this machine."""
        config = self.task.config
        where = " ".join(filter(None, (config.dataset_path, config.dataset_name, self.split)))
        found = {"definition": self.definition, "dataset": where}
        for path in _local_files((config.dataset_kwargs or {}).get("data_files")):
            found[path.name] = sha256_of_file(path)
        return found


@cache
def load_definition(name: str, folders: tuple[Path, ...]) -> LmmsTask:
    """The task of that name, its data loaded. Raises UserError, in one line, if it cannot be run here."""
    manager = task_manager(folders)
    entry = task_entry(manager, name)
    if entry["type"] not in ("task", "python_task"):
        members = ", ".join(group_members(name, folders))
        raise UserError(f"lmms:{name} is a {entry['type']} of lmms-eval; one task is expected: {members:.300}")
    config = _read_config(name, entry["yaml_path"])
    _require_possible(name, config)
    task = _load(manager, name, config)
    loaded = LmmsTask(name, task, _definition(config, Path(entry["yaml_path"])))
    _ = loaded.decoding  # raises
    return loaded


def group_members(name: str, folders: tuple[Path, ...]) -> list[str]:
    """The tasks of a group or tag of lmms-eval, groups within it included; a task's own name for a task."""
    manager = task_manager(folders)
    entry = task_entry(manager, name)
    if entry["type"] in ("task", "python_task"):
        return [name]
    members = entry["task"]
    if members == -1:
        members = _read_config(name, entry["yaml_path"]).get("task", [])
    names = [member if isinstance(member, str) else str(member.get("task")) for member in members]
    return list(dict.fromkeys(leaf for member in names for leaf in group_members(member, folders)))


def _read_config(name: str, path: str) -> dict[str, Any]:
    """The merged YAML, its functions imported, its data not loaded."""
    try:
        config: dict[str, Any] = lmms_module("lmms_eval.utils").load_yaml_config(path, mode="full")
    except Exception as error:  # the task's own modules may raise anything
        if client := client_of(error):
            raise _judge_error(name, client) from error
        raise UserError(f"task lmms:{name}: {path}: {error_message(error)}") from error
    return config


def _require_possible(name: str, config: Mapping[str, Any]) -> None:
    """Raise UserError for what no model here can answer; known from the YAML alone."""
    kind = config.get("output_type", ANSWERED_BY)
    if kind != ANSWERED_BY:
        why = "needs likelihoods of given texts" if kind in ("multiple_choice", "loglikelihood") else "asks in rounds"
        raise UserError(f"task lmms:{name} has output_type {kind}, which {why}; here models answer {ANSWERED_BY} alone")
    if (config.get("repeats") or 1) > 1:
        raise UserError(f"task lmms:{name} asks each question {config['repeats']} times; greedy answers are all alike")
    if (config.get("dataset_kwargs") or {}).get("video"):
        raise UserError(f"task lmms:{name} asks about videos, which models here cannot see")
    read_decoding(config.get("generation_kwargs"), f"task lmms:{name}")
    metrics = [metric.get("aggregation") for metric in config.get("metric_list") or ()]
    if client := judge_client(filter(callable, (config.get("process_results"), *metrics))):
        raise _judge_error(name, client)


def _judge_error(name: str, client: str) -> UserError:
    return UserError(
        f"task lmms:{name} is scored by a judge (its functions call {client}), which is not asked here; "
        "lmms-eval itself asks it: `lmms-eval --model emma`"
    )


def _load(manager: Any, name: str, config: Mapping[str, Any]) -> Any:
    """The task object, which reads its data set. Raises UserError where that fails."""
    from emma_eval.utils.hub import fail_fast_and_quietly

    data = f"its data set {config.get('dataset_path')}"
    _try_once_offline()
    try:
        with fail_fast_and_quietly():
            tasks = lmms_module("lmms_eval.tasks").get_task_dict([name], manager, "simple")
    except UserError:
        raise
    except Exception as error:  # of data sets, of the network, of the task's own functions
        cause = getattr(error, "last_attempt", None)
        reason = error_message(cause.exception() if cause is not None else error)
        raise UserError(
            f"task lmms:{name}: {data} cannot be loaded: {reason}; lmms-eval downloads it from the hub, once, where "
            "the network and HF_HUB_OFFLINE allow it"
        ) from error
    task = tasks[name]
    if list(leaf_names(tasks)) != [name] or not hasattr(task, "eval_docs_no_media"):
        raise UserError(f"task lmms:{name} is a {type(task).__name__}, which is no ConfigurableTask of lmms-eval")
    return task


def _try_once_offline() -> None:
    """Let lmms-eval not retry for ten seconds what cannot succeed without a network."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE") == "1":
        from tenacity import stop_after_attempt

        lmms_module("lmms_eval.api.task").ConfigurableTask.download.retry.stop = stop_after_attempt(1)


def _definition(config: Mapping[str, Any], path: Path) -> str:
    """SHA-256 over the task's YAML and Python files, wherever they are installed."""
    text = json.dumps(_described(config, str(path.parent)), sort_keys=True)
    digest = hashlib.sha256(f"{lmms_version()}\n{text}".encode())
    for file in sorted(path.parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _described(value: Any, folder: str) -> Any:
    """The YAML's content with functions as their names, and paths without the folder."""
    if isinstance(value, Mapping):
        return {str(key): _described(item, folder) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_described(item, folder) for item in value]
    if callable(value):
        return f"!function {getattr(value, '__qualname__', type(value).__name__)}"
    return value.replace(folder, ".") if isinstance(value, str) else repr(value)


def _local_files(value: Any) -> list[Path]:
    """The data files that a task names itself and that are on this machine."""
    if isinstance(value, Mapping):
        return [path for item in value.values() for path in _local_files(item)]
    if isinstance(value, list | tuple):
        return [path for item in value for path in _local_files(item)]
    path = Path(str(value)) if value else None
    return [path] if path and path.is_file() else []
