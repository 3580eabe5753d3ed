"""`export RUN --format lmms-eval`: writes a run as the files of another tool."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError

FORMATS = ("lmms-eval",)
EPILOG = """\
examples:
  emma-eval export results/runs/emma-mini-mini-* --format lmms-eval --output logs
  emma-eval export RUN --format lmms-eval --output logs --data /data/benchmarks

The results file and a samples file for each task go to logs/MODEL, as `lmms-eval --log_samples` writes them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare run, format, output and data."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--format", required=True, choices=FORMATS, help="the tool whose files are written")
    parser.add_argument("--output", "-o", required=True, type=Path, metavar="DIR", help="the folder for the files")
    add_task_options(parser, data="the folder that holds the official benchmark files")


def run(args: argparse.Namespace) -> int:
    """Write the files and print their paths. Raises UserError if RUN is not finished or its data are not found."""
    from emma_eval.lmms.export import export_run

    if args.output.exists() and not args.output.is_dir():
        raise UserError(f"--output {args.output} is a file: a folder is expected")
    for path in export_run(args.run, args.output, args.data):
        print(path)
    return 0
