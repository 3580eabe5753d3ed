"""`schema`: the JSON Schema of a task file, for editors that check and complete YAML."""

from __future__ import annotations

import argparse

EPILOG = """\
example:
  emma-eval schema > task.schema.json

An editor with a YAML language server then completes and checks keys below this first line of a task file:
  # yaml-language-server: $schema=task.schema.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Print the schema."""
    import json

    from emma_eval.tasks.schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
