"""`report RUN...`: writes a page about finished runs and their samples, and figures for papers."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import add_task_options, positive_or
from emma_eval.errors import UserError

EPILOG = """\
examples:
  emma-eval report results/runs/emma-mini-* results/runs/llava-mini-* --output report
  emma-eval report RUN --data /data/benchmarks --samples all
  emma-eval report RUN --figures figures                 PNG, SVG and PDF alone

The page opens from disk and loads nothing from the network. Questions, expected answers and images are read from the
benchmarks' files below --data (the shipped suite needs none); without them the page shows prompts and answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folders of finished runs; the others are compared with the first",
    )
    add("--output", "-o", type=Path, metavar="DIR", help="folder for index.html (results/report)")
    add_task_options(parser)
    add("--data", type=Path, metavar="ROOT", help="the folder that holds the official benchmark files")
    add(
        "--samples",
        type=positive_or("all", "none"),
        default=1000,
        metavar="N|all|none",
        help="samples shown of each task (%(default)s)",
    )
    add(
        "--figures",
        type=Path,
        metavar="DIR",
        help="folder for the plots as PNG, SVG and PDF; without --output nothing else is written",
    )


def run(args: argparse.Namespace) -> int:
    """Write page or figures, print their paths. Raises UserError without a finished run, or if --data is missing."""
    if args.data and not args.data.is_dir():
        raise UserError(f"--data {args.data}: no such folder")
    if args.figures:
        from emma_eval.reports.figures import write_figures

        for path in write_figures(args.runs, args.figures):
            print(path)
    if args.output or not args.figures:
        from emma_eval.reports.html.report import write_report
        from emma_eval.utils.environment import default_results_folder

        output = args.output or default_results_folder() / "report"
        print(write_report(args.runs, output, data=args.data, limit=args.samples))
    return 0
