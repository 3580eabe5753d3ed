"""`leaderboard RUN...`: the paper's comparison with what runs measured, as Markdown, CSV and LaTeX."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from emma_eval.errors import UserError

EPILOG = """\
examples:
  emma-eval leaderboard results/runs/emma-7b-*          beside published models
  emma-eval leaderboard RUN --as my-llava=llava-1.5-7b   whom it is compared with
  emma-eval leaderboard RUN --tasks pope,MMBench --columns params --sort POPE
  emma-eval leaderboard RUN --strict                    like beside like alone

On the terminal stand the benchmarks that the runs measured (--tasks all: all
of them), in the files all. A star is a difference to a published value that is
not known to be of the same split, metric, protocol or model size; --sources
prints the numbered notes that say why. More in docs/reports.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leaderboard`."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run folders (or their scores.json)")
    add(
        "--output",
        "-o",
        type=Path,
        metavar="DIR",
        help="folder of leaderboard.md, .csv, .tex (results/leaderboard)",
    )
    add("--strict", action="store_true", help="columns of one benchmark, split and metric; no differences")
    add("--sources", action="store_true", help="print the notes and sources too")
    add("--tasks", "-t", type=names, default=(), metavar="T,...", help="only these tasks, groups or benchmarks; or all")
    add("--models", type=names, default=(), metavar="M,...", help="only these rows, published or measured")
    add("--columns", type=names, default=(), metavar="C,...", help="more columns: params, data, adaptation")
    add("--sort", default="", metavar="BENCHMARK", help="sort rows by this column, the best first")
    add(
        "--as",
        dest="same",
        action="append",
        default=[],
        metavar="MODEL=PUBLISHED",
        help="which published model a measured one is, or none",
    )
    add("--figures", type=Path, metavar="DIR", help="folder for the tables as dots, bars and radar: PNG, SVG, PDF")
    add("--latex-notes", choices=("list", "none"), default="list", help="notes below the LaTeX tables (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Write the three files, print the benchmarks that were measured and the files' paths.

    Raises UserError for options that do not go together or name nothing, and for a folder that is no run.
    """
    from dataclasses import replace

    from emma_eval.reports.leaderboard import Leaderboard
    from emma_eval.reports.leaderboard_files import write_leaderboard
    from emma_eval.reports.published import load_published
    from emma_eval.reports.render import print_leaderboard
    from emma_eval.reports.view import View, fact_names
    from emma_eval.results.scores import read_runs
    from emma_eval.utils.environment import default_results_folder

    if args.strict and (args.columns or args.sort or args.same or args.figures):
        raise UserError("--columns, --sort, --as and --figures are of the paper's table, which --strict leaves out")
    view = View(
        strict=args.strict, tasks=args.tasks, models=args.models, facts=fact_names(args.columns), sort=args.sort
    )
    leaderboard = Leaderboard(read_runs(args.runs), load_published(), same_models(args.same))
    printed = leaderboard.tables(replace(view, measured_only=not args.tasks))
    written = write_leaderboard(
        args.output or default_results_folder() / "leaderboard", leaderboard, view, args.latex_notes
    )
    closing = "" if args.strict or args.tasks else leaderboard.left_out()
    print_leaderboard(printed, sources=args.sources, closing=closing)
    if args.figures:
        from emma_eval.reports.figures import write_table_figures

        written += write_table_figures(printed, args.figures)
    print(*written, sep="\n")
    return 0


def names(text: str) -> tuple[str, ...]:
    """The type of a list of names: not empty, blanks around them left out."""
    found = tuple(name for part in text.split(",") if (name := part.strip()))
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing")
    return found


def same_models(arguments: Sequence[str]) -> Mapping[str, str]:
    """The MODEL=PUBLISHED arguments of --as. Raises UserError for another form."""
    same = {}
    for text in arguments:
        model, equals, published = text.rpartition("=")
        if not (equals and model and published):
            raise UserError(f"--as {text}: MODEL=PUBLISHED is expected, as my-llava=llava-1.5-7b")
        same[model] = published
    return same
