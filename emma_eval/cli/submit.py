"""`submit TASK RUN`: write the answers in the file that a judge model or a test server takes."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError

EPILOG = """\
examples:
  emma-eval submit mmvet runs/emma-7b --data /data/benchmarks --output mmvet-emma-7b.json
  emma-eval submit llava_bench answers.jsonl --data /data/benchmarks --output answers-llava-bench.jsonl"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare task, run, data and output."""
    parser.epilog = EPILOG
    parser.add_argument("task", metavar="TASK")
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a file of answers")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the file to write")
    add_task_options(parser, data="folder of the official data files")
    parser.add_argument("--allow-partial", action="store_true", help="take data with another number of questions")


def run(args: argparse.Namespace) -> int:
    """Write the file. Raises UserError for a task without such a file, and for missing answers."""
    from emma_eval.files import write_atomic
    from emma_eval.predictions import read_predictions
    from emma_eval.readers import load_samples
    from emma_eval.submissions import submission
    from emma_eval.task import load_task

    task = load_task(args.task)
    if task.submission is None:
        raise UserError(f"task {task.name} is scored here: there is no file to submit; see the command score")
    if args.output.is_dir() or not args.output.absolute().parent.is_dir():
        raise UserError(f"--output {args.output}: a file in a folder that exists is expected")
    answered = args.run / "responses" / f"{task.name}.jsonl" if args.run.is_dir() else args.run
    samples = load_samples(task, args.data, allow_partial=args.allow_partial)
    predictions = read_predictions(answered, samples)
    write_atomic(args.output, submission(task.submission, samples, predictions.answers, args.run.stem))
    print(f"{args.output}: {len(samples):,} answers")
    return 0
