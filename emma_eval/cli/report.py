"""`report RUN...`: writes a page about finished runs and their samples, figures for papers, a model card's scores."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import add_task_options, positive_or, require_folder
from emma_eval.errors import UserError
from emma_eval.utils.terminal import print_message

EPILOG = """\
examples:
  emma-eval report results/runs/emma-mini-* results/runs/llava-mini-* --output report
  emma-eval report RUN --data /data/benchmarks --samples all
  emma-eval report RUN --figures figures                 PNG, SVG and PDF alone
  emma-eval report RUN --model-card README.md            scores into a model card of the hub
  emma-eval report results/runs --index                  all runs in one table, newest first

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
    add(
        "--index",
        action="store_true",
        help="an index of all runs below the one folder given, finished or not; its index.html is written there, "
        "or to --output",
    )
    add("--output", "-o", type=Path, metavar="DIR", help="folder for index.html (results/report)")
    add_task_options(parser, data="the folder that holds the official benchmark files", offline=False)
    add(
        "--samples",
        type=positive_or("all", "none"),
        default=1000,
        metavar="N|all|none",
        help="samples shown of each task (%(default)s)",
    )
    add(
        "--full-images",
        action="store_true",
        help="keep all images in full resolution, beside the page; else only if they fit in it",
    )
    add(
        "--figures",
        type=Path,
        metavar="DIR",
        help="folder for the plots as PNG, SVG and PDF; without --output no page is written",
    )
    add(
        "--model-card",
        type=Path,
        metavar="FILE",
        help="write the scores into this model card of the hub, new or existing; without --output no page is written",
    )


def run(args: argparse.Namespace) -> int:
    """Write page, figures, model card, print their paths. Raises UserError without a finished run or without --data."""
    if args.index:
        return _write_index(args)
    require_folder("--data", args.data)
    if args.figures:
        from emma_eval.reports.figures import write_figures

        for path in write_figures(args.runs, args.figures):
            print(path)
    if args.model_card:
        from emma_eval.reports.model_card import write_model_card

        print(write_model_card(args.runs, args.model_card))
    if args.output or not (args.figures or args.model_card):
        from emma_eval.reports.html.report import write_report
        from emma_eval.utils.environment import default_results_folder

        output = args.output or default_results_folder() / "report"
        print(write_report(args.runs, output, data=args.data, limit=args.samples, keep_images=args.full_images))
    return 0


def _write_index(args: argparse.Namespace) -> int:
    from emma_eval.reports.html.run_index import write_index
    from emma_eval.utils.text import pluralize

    if len(args.runs) != 1 or args.figures or args.model_card:
        raise UserError("--index takes one folder, with runs below it, and --output alone")
    page, number, problems = write_index(args.runs[0], args.output)
    print(page)
    unread = f"; {pluralize(len(problems), 'folder')} could not be read, the page says why" if problems else ""
    print_message(f"{pluralize(number, 'run')}{unread}")
    return 0
