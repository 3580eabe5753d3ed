"""`log RUN --to KIND:NAME`: log a finished run to Weights & Biases, TensorBoard or MLflow; and --log of `run`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options, not_negative, require_folder
from emma_eval.errors import UserError, one_line, printable
from emma_eval.utils.terminal import print_message
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from emma_eval.loggers.base import Target
    from emma_eval.loggers.samples import SampleSource

Files = Mapping[str, Mapping[str, Path]]

DEFAULT_SAMPLES, MAX_SAMPLES = 100, 10_000
KINDS = "wandb:PROJECT, tensorboard:DIR or mlflow:EXPERIMENT"

EPILOG = """\
examples:
  emma-eval log results/runs/emma-7b-* --to wandb:emma --data /data/benchmarks
  emma-eval log RUN --to tensorboard:logs --to mlflow:emma

Settings, scores with intervals, counts, throughput, and a table of samples
with images. A run is logged once to each place; if its scores have changed,
again, to the same run there. Details: docs/logs.md
exit codes: 0 logged, 1 a target failed, 2 usage error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare run, targets and data."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--to", action="append", required=True, metavar="KIND:NAME", help=f"{KINDS}; may be repeated")
    _add_samples(parser)
    add_task_options(parser, data="the folder that holds the official benchmark files", offline=False)


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Declare --log and --log-samples, for commands that end with a scored run."""
    group = parser.add_argument_group("logs where teams look (docs/logs.md)")
    group.add_argument("--log", action="append", default=[], metavar="KIND:NAME", help=f"{KINDS}; may be repeated")
    _add_samples(group)


def _add_samples(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--log-samples",
        type=_number_of_samples,
        default=DEFAULT_SAMPLES,
        metavar="N",
        help="samples of each task in the table, half of them wrong (%(default)s)",
    )


def _number_of_samples(text: str) -> int:
    """The type of --log-samples."""
    number = not_negative(text)
    if number > MAX_SAMPLES:
        raise argparse.ArgumentTypeError(f"{text} is more than the {MAX_SAMPLES:,} rows that every service shows")
    return number


def run(args: argparse.Namespace) -> int:
    """Log the run; 1 if a target failed. Raises UserError without a finished run, or for a target that is not ready."""
    from emma_eval.loggers.base import open_targets
    from emma_eval.loggers.samples import SampleSource

    require_folder("--data", args.data)
    targets = open_targets(args.to, "--to")
    return 0 if _log(args.run, targets, SampleSource(data=args.data, limit=args.log_samples)) else 1


def log_targets(args: argparse.Namespace, unscored: str = "") -> list[Target]:
    """The targets of --log, ready before any data are read; `unscored` says why nothing will be scored.

    Raises UserError for a target that is not ready.
    """
    if not args.log:
        return []
    if unscored:
        raise UserError(f"--log shows scores, and {unscored}")
    from emma_eval.loggers.base import open_targets

    return open_targets(args.log, "--log")


def log_finished(args: argparse.Namespace, folder: Path, targets: Sequence[Target], files: Files) -> None:
    """Log a run that has just been scored with these files of tasks (task -> key -> path) and --data.

    Whatever fails is one line: the run is finished all the same.
    """
    if not targets:
        return
    from emma_eval.loggers.samples import SampleSource

    try:
        _log(folder, targets, SampleSource(args.data, files, args.log_samples))
    except Exception as error:
        again = _command(folder, [target.text for target in targets])
        print_message(f"not logged: {one_line(error_message(error))}; {again} tries again")


def _log(folder: Path, targets: Sequence[Target], source: SampleSource) -> bool:
    """Log and print a line for each target; whether all have the run now."""
    from emma_eval.loggers.log_run import log_run

    print_message(f"logging to {', '.join(target.text for target in targets)}")
    succeeded = True
    for outcome in log_run(folder, targets, source):
        if outcome.problem:
            again = f"{_command(folder, [outcome.target])} tries again"
            print_message(f"not logged to {outcome.target}: {outcome.problem}; {again}")
            succeeded = False
        else:
            already = "" if outcome.is_new else "already "
            print(printable(f"{already}logged to {outcome.target}: {outcome.link}"))
    return succeeded


def _command(folder: Path, targets: Sequence[str]) -> str:
    return f"`emma-eval log {quote(str(folder))} {' '.join(f'--to {quote(target)}' for target in targets)}`"
