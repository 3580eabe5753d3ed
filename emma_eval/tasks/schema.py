"""The JSON Schema of task files, for editors."""

from __future__ import annotations

from typing import Any

from emma_eval.registry import entries
from emma_eval.tasks.config import TaskConfig


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a task file, for editors: what load_task takes, so nothing is required beside `extends`."""
    schema: dict[str, Any] = TaskConfig.model_json_schema(mode="validation")
    properties = {key: value for key, value in schema["properties"].items() if key != "name"}
    properties["extends"] = {"type": "string", "description": "the task or base (`_name`) this file is merged over"}
    properties["reader"]["enum"] = sorted(entries("readers"))
    text_or_list = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    properties["files"]["additionalProperties"] = text_or_list
    properties["wording"] = text_or_list | {"description": properties["wording"]["description"]}
    for key in ("submission", "judge"):
        properties[key]["anyOf"].append({"type": "string"})
    required = [str(key) for key in schema["required"] if key != "name"]
    schema |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "emma-eval task",
        "properties": properties,
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }
    del schema["required"]
    samples = schema["$defs"]["ExpectedConfig"]["properties"]["samples"]
    counts = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
    schema["$defs"]["ExpectedConfig"]["properties"]["samples"] = counts | {"description": samples["description"]}
    return schema
