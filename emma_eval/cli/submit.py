"""`submit TASK RUN`: write the answers as a file for a judge model or a test server."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options, require_place
from emma_eval.errors import UserError
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

EPILOG = """\
examples:
  emma-eval submit mmvet runs/emma-7b --data /data/benchmarks --output mmvet-emma-7b.json
  emma-eval submit mmbench_en_test runs/emma-7b --data /data/benchmarks --output emma-7b.xlsx
  emma-eval submit vqav2_testdev runs/emma-7b --protocol llava --data /data/benchmarks --output emma-7b.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare task, run, data and output."""
    parser.epilog = EPILOG
    parser.add_argument("task", metavar="TASK", help="the task that was answered")
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a file of answers")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--answer-key", metavar="KEY", help="the answers' key, where several may hold them")
    parser.add_argument("--protocol", metavar="P", help="`llava`: answers cleaned as LLaVA does before it submits them")
    data = add_task_options(parser, data="folder of the official data files")
    data.add_argument("--allow-partial", action="store_true", help="take data with another number of questions")


def run(args: argparse.Namespace) -> int:
    """Write the file. Raises UserError for a task without such a file, and for missing answers."""
    from emma_eval.data.loading import load_samples
    from emma_eval.predictions import read_predictions
    from emma_eval.predictions.submissions import submission
    from emma_eval.predictions.submissions.answered_task import AnsweredTask
    from emma_eval.registry import require_tools
    from emma_eval.tasks.loading import load_task
    from emma_eval.utils.files import write_atomic

    task = load_task(args.task)
    if task.submission is None:
        raise UserError(f"task {task.name} is scored here: there is no file to submit; see the command score")
    clean = _answer_processor(task, args.protocol)
    require_place("--output", args.output)
    require_tools("submissions", task.submission.format, args.output)
    path = args.run / "responses" / f"{task.name}.jsonl" if args.run.is_dir() else args.run
    samples = load_samples(task, args.data, allow_partial=args.allow_partial)
    predictions = read_predictions(path, samples, task, answer_key=args.answer_key)
    all_questions = _all_questions(task, args.data)
    answered = AnsweredTask(samples, predictions.answers, args.run.stem, args.output, all_questions, clean)
    write_atomic(args.output, submission(task.submission.format, answered))
    print(f"{args.output}: {pluralize(len(samples), 'answer')}")
    for note in predictions.notes:
        print(f"note: {note}")
    return 0


def _answer_processor(task: TaskConfig, protocol: str | None) -> Callable[[str], str]:
    """The function that the protocol applies to answers; the identity if it has none."""
    from emma_eval.scorers.normalization import m4c

    processor = task.scorer_config(protocol).options.get("processor")
    return m4c if processor == "llava" else str


def _all_questions(task: TaskConfig, root: Path | None) -> Path | None:
    """The file with the server's whole split, if the task names one that exists."""
    from emma_eval.utils.files import find_file

    names = task.submission.all_questions if task.submission and root else ()
    return next(filter(None, (find_file((root or Path()) / name) for name in names)), None)
