"""Task files."""

import importlib.util
from pathlib import Path
from typing import Any

import yaml


def load_yaml_config(yaml_path: str, mode: str = "full") -> dict[str, Any]:
    """`!function utils.name` is the function of the Python file beside the YAML."""

    class Loader(yaml.SafeLoader):
        pass

    def function(loader: Any, node: Any) -> Any:
        module, name = loader.construct_scalar(node).split(".")
        spec = importlib.util.spec_from_file_location(module, Path(yaml_path).parent / f"{module}.py")
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return getattr(loaded, name)

    Loader.add_constructor("!function", function if mode == "full" else lambda loader, node: None)
    return yaml.load(Path(yaml_path).read_text(), Loader)
