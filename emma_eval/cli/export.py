"""`export RUN --format F`: a run's samples as CSV, Parquet or JSON lines, or the run as the files of another tool."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError
from emma_eval.utils.terminal import print_message

LMMS_EVAL = "lmms-eval"
FORMATS = ("csv", "parquet", "jsonl", LMMS_EVAL)
EPILOG = """\
examples:
  emma-eval export RUN --format csv --output samples.csv             a row a sample, all tasks
  emma-eval export RUN --format parquet --output samples/            a file a task: samples/TASK.parquet
  emma-eval export RUN --format lmms-eval --output logs              as `lmms-eval --log_samples` writes it

The columns are those of a Run's samples in Python (docs/python.md): question, references, prompt, answer, parsed
answer, score, category, image paths, ... Run folders hold no questions, references and images: they are read from the
benchmarks' files below --data. Without these the columns are empty, and a line says so. A text that a spreadsheet would
take for a formula has a ' before it in CSV."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare run, format, output and data."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder; a finished one for lmms-eval")
    parser.add_argument("--format", required=True, choices=FORMATS, help="what is written")
    parser.add_argument(
        "--output", "-o", required=True, type=Path, metavar="FILE|DIR", help="a file of that ending, or a folder"
    )
    add_task_options(parser, data="the folder that holds the official benchmark files")


def run(args: argparse.Namespace) -> int:
    """Write the files and print their paths. Raises UserError for a RUN that is none, or not finished for lmms-eval."""
    if args.format == LMMS_EVAL:
        from emma_eval.lmms.export import export_run

        if args.output.exists() and not args.output.is_dir():
            raise UserError(f"--output {args.output} is a file: a folder is expected")
        written = export_run(args.run, args.output, args.data)
    else:
        from emma_eval.api.export import export_samples
        from emma_eval.api.run import load_run

        loaded = load_run(args.run, data=args.data, task_dir=args.task_dir, include_path=args.include_path)
        written, problems = export_samples(loaded.rows(), args.output, args.format)
        for problem in problems:
            print_message(problem)
    print(*written, sep="\n")
    return 0
