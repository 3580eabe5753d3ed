"""Every document: its commands parse, its options and files exist, its snippets are of the language they say."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from emma_eval.cli.arguments import Parser
from emma_eval.cli.main import COMMANDS, split_command

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "results/README.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
    *sorted((ROOT / ".github").rglob("*.yml")),
)
WIDEST = 105  # letters of a shell block's line, beyond which a reader scrolls
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.S | re.M)
PROGRAM = r"(?:emma-eval|python run_eval\.py|python -m emma_eval)"
NO_COMMAND = {  # begins like a command
    "emma-eval .": "an image's name, docker.md",
    "emma-eval baseline": "the command in a sentence, action.yml",
}
OTHER_PROGRAMS = {  # options of docker, pip, lmms-eval, official tools and scripts, by the page that names them
    "docker.md": "user init gpus cpus cpuset-cpus network add-host env build-arg",
    "engine.md": "sizes",
    "judges.md": "quick_extract",
    "licences.md": "write",
    "lmms-eval.md": "model_args batch_size include_path log_samples",
    "reliability.md": "again keep write",
    "scale.md": "address",
    "vllm.md": "against vllm-python extra-index-url",
}


def commands_of(text: str) -> Iterator[str]:
    """The commands of shell blocks, and those in the running text that are written out."""
    for language, block in FENCE.findall(text):
        if language in ("bash", "text", ""):
            for line in block.replace("\\\n", " ").splitlines():
                yield from re.findall(rf"(?<![\w/.=-]){PROGRAM}(?: .*)?$", line.split(" # ")[0].rstrip())[:1]
    for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
        yield from re.findall(rf"^{PROGRAM}(?: .*)?$", code)


def examples_of_help() -> Iterator[str]:
    """The commands of the examples in every --help, without what is said of them."""
    for module, _ in COMMANDS.values():
        epilog = getattr(importlib.import_module(module), "EPILOG", "").replace("\\\n", " ")
        for line in re.findall(r"^  emma-eval.*$", epilog, re.M):
            yield re.split(r"(?<=\S) {3,}(?=\S)", line.strip())[0]


def parser_of(name: str) -> Parser:
    parser = Parser(name, "")
    importlib.import_module(COMMANDS[name][0]).add_arguments(parser)
    return parser


def parse(command: str) -> None:
    """Parse a command by its own parser, without what is the shell's: pipes, redirections, variables."""
    own = re.split(r" (?:>|&&|\|) |;", command)[0]
    own = re.sub(rf"^{PROGRAM}", "", own).replace("$SLURM_ARRAY_TASK_ID", "1").replace(" ...", "")
    words = shlex.split(own if own.count("'") % 2 == 0 else own.rstrip("'"), comments=True)
    if words != ["--help"]:
        name, rest = split_command(words)
        parser_of(name).parse(rest)


WRITTEN = sorted({command for path in DOCUMENTS for command in commands_of(path.read_text("utf-8"))})


def test_the_commands_are_found() -> None:
    assert len(WRITTEN) > 150
    assert len(list(examples_of_help())) > 50


@pytest.mark.parametrize("command", WRITTEN)
def test_every_command_in_a_document_parses(command: str) -> None:
    if command in NO_COMMAND or "--version" in command:
        return
    parse(command.replace("COMMAND --help", "list"))


def test_the_page_of_commands_names_them_all() -> None:
    shown = commands_of((ROOT / "docs" / "commands.md").read_text("utf-8"))
    assert {command.split()[1] for command in shown if command.startswith("emma-eval ")} == set(COMMANDS)


def test_every_example_of_help_parses() -> None:
    for command in examples_of_help():
        parse(command)


def test_every_option_in_a_document_exists() -> None:
    options = {option for name in COMMANDS for action in parser_of(name)._actions for option in action.option_strings}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        others = {f"--{name}" for name in OTHER_PROGRAMS.get(path.name, "").split()}
        named = {
            option
            for code in re.findall(r"`([^`]+)`", FENCE.sub("", path.read_text("utf-8")))
            for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)
        }
        assert named <= options | others | {"--version"}, path.name


def test_every_file_that_a_document_names_exists() -> None:
    for path in DOCUMENTS:
        for name in re.findall(
            r"(?<![\w/.:*-])(?:docs|tests|benchmarks|emma_eval|tasks|results/benchmarks|\.ci)/[\w./-]*\w",
            path.read_text("utf-8"),
        ):
            assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_no_command_is_wider_than_a_page() -> None:
    for path in sorted((ROOT / "docs").glob("*.md")):
        for language, block in FENCE.findall(path.read_text("utf-8")):
            wide = [line for line in block.splitlines() if len(line) > WIDEST and language == "bash"]
            assert wide == [], path.name


def snippets() -> Iterator[Any]:
    """Language and text of every snippet that is not for a shell."""
    for path in DOCUMENTS:
        for number, (language, text) in enumerate(FENCE.findall(path.read_text("utf-8"))):
            if language not in ("bash", "text", ""):
                yield pytest.param(language, text, id=f"{path.name}-{number}")


@pytest.mark.parametrize(("language", "text"), list(snippets()))
def test_every_snippet_is_of_its_language(language: str, text: str) -> None:
    read = {"python": lambda code: compile(code, "snippet", "exec"), "yaml": yaml.safe_load, "toml": tomllib.loads}
    read[language](text)
