"""`merge SHARD... --output DIR`: one run folder of the shards of a run, scored."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import add_task_options
from emma_eval.cli.log import add_log_options, log_finished, log_targets
from emma_eval.cli.run import files_by_task, places, print_result, run_name

EPILOG = """\
example:
  emma-eval run --model M --tasks general --data ROOT --output shards/1 --shard 1/4     and so on up to 4/4, anywhere
  emma-eval merge shards/* --data ROOT --output merged

Answers and scores are those of one run without --shard. The model is not needed; the data are, for scoring.
exit codes: 0 all answered, 1 a sample failed, 2 a shard is missing, doubled, unfinished or of another run"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="SHARD", help="the folders of all shards")
    add("--output", "-o", type=Path, required=True, metavar="DIR", help="the folder of the whole run; made here")
    add("--name", type=run_name, help="what tables call the run (the shards' name, or the model's)")
    add("--answers-only", action="store_true", help="leave scoring to `run` with --output DIR")
    data = add_task_options(parser, data="the folder that holds the official benchmark files, as for `run`")
    data.add_argument(
        "--file", action="append", default=[], metavar="T.KEY=PATH", help="one file of a task, in place of ROOT's"
    )
    add_log_options(parser)


def run(args: argparse.Namespace) -> int:
    """Merge, score and print the leaderboard; 1 if a sample failed."""
    from emma_eval.results.manifest import require_manifest
    from emma_eval.runs.merge import MergeSettings, merge_shards
    from emma_eval.runs.progress import progress_for_terminal

    targets = log_targets(args, "--answers-only leaves scoring to `run`" if args.answers_only else "")
    files = files_by_task(args.file, list(require_manifest(args.runs[0]).tasks))
    settings = MergeSettings(args.data, files, args.answers_only, args.name or "")
    result = merge_shards(args.runs, args.output, settings, progress_for_terminal())
    then = f"`emma-eval run` with the shards' options, --output {args.output} and no --shard scores it"
    print_result(result, then, places(args))
    log_finished(args, result.folder, targets, files)
    return 1 if result.failed else 0
