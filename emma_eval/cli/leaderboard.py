"""`leaderboard RUN...`: writes finished runs beside published scores as Markdown, CSV and LaTeX."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leaderboard`."""
    parser.epilog = "example:\n  emma-eval leaderboard results/runs/emma-mini-* results/runs/llava-mini-*"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders (or their scores.json)")
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="DIR",
        help="folder for leaderboard.md, .csv and .tex (results/leaderboard)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the three files, print the columns with measured values and the files' paths."""
    from emma_eval.reports.leaderboard import Leaderboard
    from emma_eval.reports.leaderboard_files import write_leaderboard
    from emma_eval.reports.published import load_published
    from emma_eval.reports.render import print_table
    from emma_eval.results.scores import read_runs
    from emma_eval.utils.environment import default_results_folder

    leaderboard = Leaderboard(read_runs(args.runs), load_published())
    written = write_leaderboard(args.output or default_results_folder() / "leaderboard", leaderboard)
    for table in leaderboard.tables(measured_only=True):
        print_table(table)
    print(*written, sep="\n")
    return 0
