"""`baseline RUN`: writes a run's scores, sample by sample, to one small file for `regress`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = "example:\n  emma-eval baseline results/runs/emma-mini-mini-*"
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="the file to write (results/baselines/MODEL.json.xz)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file and print its path. Raises UserError if RUN is no finished run."""
    from emma_eval.errors import UserError
    from emma_eval.results.baseline import write_baseline

    if args.output and args.output.is_dir():
        raise UserError(f"--output {args.output} is a folder: a file is expected")
    print(write_baseline(args.run, args.output))
    return 0
