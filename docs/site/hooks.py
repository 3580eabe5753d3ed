"""What the site has beyond docs/*.md: the README as its home page, commands' options, two pages made from the code."""

import argparse
import importlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import emma_eval
from emma_eval.cli.arguments import Parser
from emma_eval.cli.main import COMMANDS, PROGRAM
from emma_eval.tasks.schema import json_schema

ROOT = Path(__file__).parents[2]
INTERFACES = {  # what a package of one's own meets: heading -> names
    "A model": ["models.base.ModelSpec", "models.base.ModelLoader", "models.base.TextModel", "models.base.Model"],
    "An engine": ["inference.engine.Engine", "inference.engine.EngineDescription"],
    "A scorer": ["types.Scorer", "types.Answer", "types.Scores", "types.Metric", "types.SampleScore"],
    "A reader": ["tasks.reader.Reader"],
    "A logger": ["loggers.base.RunLogger"],
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of docs/."""
    pages = {
        "index.md": home(),
        "reference/task-keys.md": task_keys(),
        "reference/api.md": api(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for name in ("site.css", "iframe-worker.js"):
        files.append(File.generated(config, name, abs_src_path=str(Path(__file__).parent / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Add the commands' options to their page.

    Name a link to a page by its title; a file outside docs/ is linked in the hosted repository, if there is one.
    """

    def mended(link: re.Match[str]) -> str:
        text, target, anchor = link.groups(default="")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), target))
        if path.startswith("../"):
            return f"[{text}]({config.repo_url}/blob/main/{path[3:]})" if config.repo_url else text
        file = files.get_file_from_path(path)
        if file and file.page and text.removeprefix("docs/") == path:
            text = file.page.title
        return f"[{text}]({target}{anchor})"

    if page.file.src_uri == "commands.md":
        markdown += f"\n{commands()}"
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#]+)(#[^)]+)?\)", mended, markdown)


def home() -> str:
    """The README, its links as they are from docs/."""
    text = (ROOT / "README.md").read_text("utf-8").replace('"docs/report/', '"report/')
    from_docs = re.sub(r"\]\((?!https?:|#)(docs/)?", lambda link: "](" if link[1] else "](../", text)
    return f"---\nhide: [navigation]\n---\n\n{from_docs}"


def commands() -> str:
    """Every command with its options, from the parsers themselves."""
    parts = []
    for name, (module, summary) in COMMANDS.items():
        parser = Parser(f"{PROGRAM} {name}", "")
        importlib.import_module(module).add_arguments(parser)
        parts += [f"## {name} {{#{name}}}\n", f"{summary[0].upper()}{summary[1:]}.\n", *options(parser)]
        if parser.epilog:
            parts.append(f"```text\n{parser._get_formatter()._fill_text(parser.epilog, 84, '').strip()}\n```\n")
    return "\n".join(parts)


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Tables of a parser's arguments, one a group."""
    explain = parser._get_formatter()._expand_help
    for group in parser._action_groups:
        rows = [
            row(action, explain(action) if action.help else "")
            for action in group._group_actions
            if not isinstance(action, argparse._HelpAction)
        ]
        if rows:
            named = group.title not in ("options", "positional arguments")
            yield (f"**{cell(group.title)}**\n\n" if named else "") + table(("argument", "meaning"), rows)


def row(action: argparse.Action, meaning: str) -> tuple[str, str]:
    """An argument as the command line has it, and its help."""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    value = "" if action.nargs == 0 else value if isinstance(value, str) else " ".join(value)
    names = sorted(action.option_strings, key=len, reverse=True) or [""]
    return ", ".join(f"`{f'{name} {value}'.strip()}`" for name in names), cell(meaning)


def task_keys() -> str:
    """Every key of a task file, from the schema that `load_task` checks it against."""
    schema = json_schema()
    parts = [
        "# Keys of task files\n",
        "Made from the schema that task files are checked against, which `emma-eval schema` prints for editors. "
        "[Task files](../tasks.md) explains them.\n",
        "## The file\n",
        key_table(schema),
    ]
    for name, part in sorted(schema["$defs"].items()):
        parts += [f"## {name} {{#{name.lower()}}}\n", f"{part.get('description', '')}\n", key_table(part)]
    return "\n".join(parts)


def key_table(schema: Mapping[str, Any]) -> str:
    """The keys of one object of the schema."""
    needed = set(schema.get("required", ()))
    rows = []
    for key, part in schema.get("properties", {}).items():
        default = "required" if key in needed else ""
        if "default" in part and not isinstance(part["default"], dict):
            default = f"`{json.dumps(part['default'], ensure_ascii=False)}`"
        rows.append((f"`{key}`", type_name(part), default, cell(part.get("description", ""))))
    return table(("key", "type", "default", "meaning"), rows)


def type_name(part: Mapping[str, Any]) -> str:
    """A schema's type in words, with a link to the table of the object that it refers to."""
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in part:
        return " or ".join(type_name(one) for one in part["anyOf"])
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if part["type"] == "array":
        return f"list of {type_name(part['items'])}"
    if part["type"] == "object":
        return f"name: {type_name(part['additionalProperties'])}"
    return part["type"]


def api() -> str:
    """The public names of the package, and the interfaces of plug-ins; their docstrings are put in by mkdocstrings."""
    parts = ["# Python API\n", "From the docstrings. [Python and notebooks](../python.md) shows them at work.\n"]
    parts.append("## emma_eval\n")
    parts += [f"::: {emma_eval._PLACES[name]}.{name}\n" for name in emma_eval.__all__ if name in emma_eval._PLACES]
    for heading, names in INTERFACES.items():
        parts.append(f"## {heading}\n")
        parts += [f"::: emma_eval.{name}\n" for name in names]
    return "\n".join(parts)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table, with the blank line that ends it."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def cell(text: str) -> str:
    """A text within a table: on one line, as it is, and a page that it names as a link."""
    escaped = re.sub(r"([|<*_\[])", r"\\\1", " ".join(text.split()))
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", escaped)
