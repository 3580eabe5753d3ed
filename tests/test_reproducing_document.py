"""docs/reproducing-emma.md: its commands parse, its tasks exist, its numbers are those of results/published.yaml."""

import argparse
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from emma_eval.cli.arguments import Parser
from emma_eval.cli.main import COMMANDS, split_command
from emma_eval.tasks.index import expand_tasks, extra_task_folders, task_names
from emma_eval.tasks.loading import load_task

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "reproducing-emma.md").read_text("utf-8")
RECORDS = (ROOT / "results" / "published.yaml").read_text("utf-8")
SCORES: list[dict[str, Any]] = yaml.load(RECORDS, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["scores"]
COMMAND_LINES = re.findall(r"^emma-eval (.*)$", DOCUMENT.replace("\\\n", ""), re.M)
VARIANTS = re.findall(r"^```yaml\n# variants/(\w+\.yaml).*?\n(.*?)^```$", DOCUMENT, re.S | re.M)
PROSE = re.sub(r"^```.*?^```$", "", DOCUMENT, flags=re.S | re.M)
PUBLISHED_BY_EMMA = [score for score in SCORES if score["source"] == "emma-readme"]
MODELS = {
    "LLaVA-1.5": ("llava-1.5-7b", "llava-1.5-unspecified"),
    "mPLUG-Owl2": ("mplug-owl2",),
    "BRAVE": ("brave",),
    "EMMA-7B": ("emma-7b",),
}


@pytest.fixture
def variants(tmp_path):
    """The document's own task files, beside the shipped ones."""
    for name, content in VARIANTS:
        (tmp_path / name).write_text(content)
    with extra_task_folders([tmp_path]):
        yield [Path(name).stem for name, _ in VARIANTS]


def parsed(line: str) -> argparse.Namespace:
    """The arguments of a command line, by the command's own parser."""
    name, rest = split_command(shlex.split(line, comments=True))
    parser = Parser(name, "")
    importlib.import_module(COMMANDS[name][0]).add_arguments(parser)
    return parser.parse(rest)


def tasks_of(args: argparse.Namespace) -> list[str]:
    """The tasks and groups that a command names, under whichever option or argument."""
    given = [getattr(args, key, None) or () for key in ("tasks", "task")]
    names = [name for value in given for name in ([value] if isinstance(value, str) else value)]
    return [part for name in names for part in name.split(",") if part != "all"]


def protocols_of(args: argparse.Namespace) -> list[tuple[str, str]]:
    """(task, protocol) as `run` takes them, TASK=PROTOCOL, or `score` and `submit`, of their only task."""
    given = getattr(args, "protocol", None) or []
    if isinstance(given, str):
        return [(task, given) for task in tasks_of(args)]
    return [(choice.split("=")[0], choice.split("=")[1]) for choice in given]


def test_the_commands_are_found():
    assert len(COMMAND_LINES) == len(re.findall("^emma-eval ", DOCUMENT, re.M)) > 30


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_parses_and_names_tasks_that_exist(line, variants):
    args = parsed(line)
    expand_tasks(tasks_of(args))
    for task, protocol in protocols_of(args):
        assert protocol in load_task(task).protocols
        assert task in expand_tasks(tasks_of(args))


def test_the_tasks_of_a_command_are_seen():
    assert tasks_of(parsed("run --tasks gqa,pope --data D")) == ["gqa", "pope"]
    assert tasks_of(parsed("explain okvqa")) == ["okvqa"]
    assert tasks_of(parsed("data fetch gqa okvqa --data D")) == ["gqa", "okvqa"]
    assert tasks_of(parsed("submit vqav2_testdev RUN --output F")) == ["vqav2_testdev"]
    assert protocols_of(parsed("run --tasks mmvp --protocol mmvp=emma --data D")) == [("mmvp", "emma")]
    assert protocols_of(parsed("score --task mmvp --protocol emma --predictions F")) == [("mmvp", "emma")]


def test_the_variants_do_what_is_said_of_them(variants):
    assert variants == ["mmbench_en_whole", "gqa_blind"]
    assert load_task("mmbench_en_whole").prompt.instruction == "full"
    assert load_task("gqa_blind").prompt.images == "none"


def result_rows() -> list[dict[str, str]]:
    """The rows of the three tables of results, each cell under its column's head."""
    rows = []
    for head, body in re.findall(r"^\| (benchmark \|.*) \|\n\|[-|]+\|\n((?:\|.*\n)+)", DOCUMENT, re.M):
        names = head.split(" | ")
        rows += [dict(zip(names, line[2:-2].split(" | "), strict=True)) for line in body.splitlines()]
    return rows


def test_every_value_of_the_tables_is_the_published_one_to_the_digit():
    """And a dash stands only where the figures have no value."""
    rows = result_rows()
    assert len(rows) == 14
    for row in rows:
        benchmark, _, split = row["benchmark"].partition(", ")
        here = [s for s in PUBLISHED_BY_EMMA if s["benchmark"] == benchmark and split in ("", s["split"])]
        for model in MODELS.keys() & row.keys():
            published = [str(s["value"]) for s in here if s["model"] in MODELS[model]]
            assert published == ([] if row[model] == "-" else [row[model]]), (row["benchmark"], model)


def test_every_published_value_of_emma_is_there():
    values = [score["value"] for score in SCORES if score["model"] == "emma-7b"]
    assert len(values) == 15
    assert [value for value in values if not re.search(rf"(?<![\d.]){value}(?![\d.]*\d)", PROSE)] == []


def test_every_task_of_the_tables_exists():
    named = [name for row in result_rows() for name in re.findall(r"`(\w+)`", row["tasks"]) if name != "img_accuracy"]
    assert len(named) > 20
    assert set(named) <= set(task_names())


def test_no_number_stands_in_the_text_that_the_records_do_not_have():
    """Decimals and counts of parameters: each is a value or a doubt of results/published.yaml."""
    number = r"(?<![\d.,])\d+(?:\.\d+|(?:,\d{3})+)(?![\d.,]*\d)"
    versions = {name for name in re.findall(number, PROSE) if re.search(rf"LLaVA-{re.escape(name)}\b", PROSE)}
    in_text, recorded = set(re.findall(number, PROSE)) - versions, set(re.findall(number, RECORDS))
    assert len(in_text) > 50
    assert in_text - recorded == set()
