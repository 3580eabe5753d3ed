"""The index of tasks."""

from pathlib import Path
from typing import Any

from lmms_eval.api.task import ConfigurableTask
from lmms_eval.utils import load_yaml_config

BUILT_IN = {"pope": {"type": "task", "yaml_path": "/built/in/pope.yaml"}}


class TaskManager:
    def __init__(
        self, verbosity: str, include_path: Any = None, include_defaults: bool = True, model_name: str = ""
    ) -> None:
        found = {}
        for path in (path for folder in include_path or () for path in sorted(Path(folder).glob("*.yaml"))):
            config = load_yaml_config(str(path), mode="simple")
            if isinstance(config["task"], list):
                found[config["group"]] = {"type": "group", "task": -1, "yaml_path": str(path)}
            else:
                found[config["task"]] = {"type": "task", "yaml_path": str(path)}
        self.task_index = found | (BUILT_IN if include_defaults else {})  # built-in names win, silently
        self.all_tasks = sorted(self.task_index)


def get_task_dict(names: list[str], manager: TaskManager, kind: str) -> dict[str, ConfigurableTask]:
    return {name: ConfigurableTask(load_yaml_config(manager.task_index[name]["yaml_path"])) for name in names}
