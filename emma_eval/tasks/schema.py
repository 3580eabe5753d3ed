"""The JSON Schema of task files, for editors."""

from __future__ import annotations

from typing import Any

from emma_eval.registry import entries
from emma_eval.tasks.config import TaskConfig


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a task file as a user writes it.

    Pydantic's schema of TaskConfig describes a loaded task. In a file the name is left out, a base may give what is
    required, one text stands for a list of one, and `submission` and `judge` may be a format's name alone.
    """
    schema: dict[str, Any] = TaskConfig.model_json_schema(mode="validation")
    properties = {key: value for key, value in schema["properties"].items() if key != "name"}
    properties["extends"] = {"type": "string", "description": "the task or base (`_name`) this file is merged over"}
    properties["reader"]["enum"] = sorted(entries("readers"))
    text_or_list = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    properties["files"]["additionalProperties"] = text_or_list
    properties["wording"] = text_or_list | {"description": properties["wording"]["description"]}
    for key in ("submission", "judge"):
        properties[key]["anyOf"].append({"type": "string"})
    samples = schema["$defs"]["ExpectedConfig"]["properties"]["samples"]
    counts = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
    schema["$defs"]["ExpectedConfig"]["properties"]["samples"] = counts | {"description": samples["description"]}
    required = [str(key) for key in schema.pop("required") if key != "name"]
    return schema | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "emma-eval task",
        "properties": properties,
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }
