"""The schema of task files: every key is explained, in it and in docs/tasks.md."""

import re
from pathlib import Path

import pytest

from emma_eval.tasks.schema import json_schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text("utf-8")
SCHEMA = json_schema()
PARTS = {"": SCHEMA} | SCHEMA["$defs"]
WRITTEN_AS = {  # the sections of a task file, and the objects of the schema that they are
    "prompt": "PromptConfig",
    "generation": "DecodingConfig",
    "hub": "HubConfig",
    "expected": "ExpectedConfig",
}


@pytest.mark.parametrize("part", PARTS)
def test_every_key_has_a_description(part):
    assert [key for key, value in PARTS[part]["properties"].items() if not value.get("description")] == []


def test_the_tables_name_keys_that_exist():
    first, columns = (section.split("\n\n")[0] for section in DOCUMENT.split("| key | meaning |")[1:])
    named = [key for cell in re.findall(r"^\|(.*?)\|", first, re.M) for key in re.findall(r"`([\w.]+)`", cell)]
    assert len(named) > 30
    for key in named:
        section, _, inner = key.rpartition(".")
        assert inner in PARTS[WRITTEN_AS.get(section, "")]["properties"], key
    cells = [key for cell in re.findall(r"^\|(.*?)\|", columns, re.M) for key in re.findall(r"`(\w+)`", cell)]
    assert set(cells) <= set(PARTS["Columns"]["properties"])


@pytest.mark.parametrize("part", ["", "PromptConfig", "DecodingConfig", "Columns", "HubConfig", "WordingConfig"])
def test_every_key_occurs_on_the_page(part):
    assert [key for key in PARTS[part]["properties"] if not re.search(rf"\b{key}\b", DOCUMENT)] == []
