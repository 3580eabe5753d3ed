"""`run`, the default command: answer benchmarks with a model, score the answers, write the leaderboard."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from emma_eval.cli.arguments import (
    ASKING,
    add_model_options,
    add_task_options,
    expand_and_tell,
    integer,
    key_value,
    named_options,
    positive,
    positive_or,
)
from emma_eval.cli.interrupts import interrupt
from emma_eval.cli.log import add_log_options, log_finished, log_targets
from emma_eval.errors import UserError, printable
from emma_eval.types import EngineName
from emma_eval.utils.terminal import paragraph, print_message, terminal_width
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.runs.runner import RunResult
    from emma_eval.runs.settings import ErrorLimit, Shard

T = TypeVar("T")

DEFAULT_MODEL = "emma-mini"
DEFAULT_TASKS = "mini"

SCORING = "the same command without --answers-only scores the run"
UNSCORED = "--answers-only and --shard leave scoring to another command; it takes --log, too"
SCORING_SHARDS = "this is shard {shard}: `emma-eval merge` joins the folders of all {shard.of} and scores them"

EPILOG = """\
examples:
  emma-eval                                                   the shipped model on the shipped suite
  emma-eval run --model models/emma-7b --tasks general,pope --data /data/benchmarks
  emma-eval run --tasks vqav2_mini --limit 20 --seed 1        20 questions, drawn by chance

Interrupted in whatever way, the same command goes on where it stopped; once finished, it scores the recorded answers
again and asks nothing.
exit codes: 0 all answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `run`."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--model", "-m", default=DEFAULT_MODEL, help="built-in name, checkpoint folder or hub name (%(default)s)")
    add("--tasks", "-t", default=DEFAULT_TASKS, metavar="T,...", help="tasks and groups (%(default)s)")
    add("--output", "-o", type=Path, metavar="DIR", help="the run's folder (results/runs/MODEL-TASKS-HASH)")
    add("--name", type=run_name, help="what tables call the run (the model's name); may be changed later")
    add("--limit", type=positive, metavar="N", help="ask only the first N samples of each task")
    add("--seed", type=integer, metavar="S", help="with --limit, draw the N samples by this seed; also seeds the model")
    add("--max-errors", type=error_limit, metavar="N|P%", help="stop once more than N requests, or P%%, have failed")
    add("--retry-failed", action="store_true", help="ask the samples again that failed in an earlier session")
    add("--answers-only", action="store_true", help="leave scoring to the same command without this")
    add_data_options(parser)
    add_asking_options(parser)
    add_scale_options(parser)
    add_log_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Declare where tasks and data are, and which wording and scoring of a task is meant."""
    add = add_task_options(parser, data="the folder that holds the official benchmark files").add_argument
    add("--file", action="append", default=[], metavar="T.KEY=PATH", help="one file of a task, in place of ROOT's")
    add("--protocol", action="append", default=[], metavar="T=P", help="score a task by another protocol of its file")
    add("--wording", action="append", default=[], metavar="T=W", help="ask a task as another model family's scripts do")
    add("--allow-partial", action="store_true", help="accept data that lack samples; not comparable with other scores")


def add_asking_options(parser: argparse.ArgumentParser) -> None:
    """Declare by what engine, where and how the model is asked."""
    group = parser.add_argument_group(ASKING)
    add = group.add_argument
    add("--engine", choices=get_args(EngineName), default="built-in", help="vllm: docs/vllm.md (%(default)s)")
    add("--engine-option", action="append", default=[], type=key_value, metavar="K=V", help="an option of the engine")
    add("--batch-size", type=positive_or("auto"), default="auto", metavar="N|auto", help="requests at a time (auto)")
    add("--device", help="cpu, cuda, cuda:1, ... (a GPU if there is one)")
    add("--dtype", help="float32, float16 or bfloat16 (float32 on a CPU, half precision on a GPU)")
    add_model_options(group)
    add("--fast-preprocess", action="store_true", help="--model-option fast_preprocess=true: up to one grey level off")


def add_scale_options(parser: argparse.ArgumentParser) -> None:
    """Declare how many processes and machines share the work; no answer depends on it. See docs/scale.md."""
    add = parser.add_argument_group("many GPUs, many machines (docs/scale.md)").add_argument
    add("--replicas", type=positive, metavar="N", help="N copies of the model, one GPU or share of the CPUs each (1)")
    add("--shard", type=shard, metavar="I/N", help="ask the I-th of N shares, score none; `merge` joins the N runs")
    add("--ray", metavar="ADDRESS", help="copies on a Ray cluster, HOST:PORT or auto; local starts one (extra ray)")


def run(args: argparse.Namespace) -> int:
    """Run the evaluation and print its scores; 1 if a sample failed or --max-errors was passed."""
    from emma_eval.inference.loading import EngineChoice
    from emma_eval.inference.replicas.loading import Scale
    from emma_eval.models import find_model
    from emma_eval.models.base import ModelSpec
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.runs.runner import TooManyFailuresError, run_evaluation
    from emma_eval.runs.settings import RunSettings, default_folder, split_names

    signal.signal(signal.SIGTERM, interrupt)  # a batch system's time limit ends like Ctrl-C
    names = split_names(args.tasks)
    tasks = tuple(expand_and_tell(names))
    targets = log_targets(args, UNSCORED if args.answers_only or args.shard else "")
    settings = RunSettings(
        model=ModelSpec(args.model, args.device, args.dtype, model_options(args), args.seed or 0),
        tasks=tasks,
        suite="+".join(names),
        data=args.data,
        files=files_by_task(args.file, tasks),
        limit=args.limit,
        seed=args.seed,
        batch_size=args.batch_size,
        protocols=task_values("--protocol", args.protocol, tasks),
        wordings=task_values("--wording", args.wording, tasks),
        allow_partial=args.allow_partial,
        max_errors=args.max_errors,
        retry_failed=args.retry_failed,
        answers_only=args.answers_only,
        name=args.name or "",
        scale=Scale(args.replicas, args.ray),
        engine=EngineChoice(args.engine, dict(args.engine_option)),
        shard=args.shard,
    )
    model = find_model(settings.model)
    folder = args.output or default_folder(settings, model.deciding_options)
    try:
        result = run_evaluation(settings, folder, progress_for_terminal(), model)
    except TooManyFailuresError as stop:
        print_message(str(stop))
        print_message(f"what is answered is kept in {folder}")
        return 1
    then = SCORING_SHARDS.format(shard=args.shard) if args.shard else SCORING
    print_result(result, then, places(args))
    log_finished(args, result.folder, targets, settings.files)
    return 1 if result.failed else 0


def model_options(args: argparse.Namespace) -> dict[str, str]:
    """The options of --model-option, and --fast-preprocess as one of them."""
    options = named_options(args)
    if args.fast_preprocess:
        options["fast_preprocess"] = "true"
    return options


def places(args: argparse.Namespace) -> list[str]:
    """The options that name where data and task files are, as another command takes them."""
    named = [("--data", [args.data] if args.data else []), ("--task-dir", args.task_dir)]
    named.append(("--include-path", args.include_path))
    return [text for option, folders in named for folder in folders for text in (option, str(folder))]


def print_result(result: RunResult, then: str, places: Sequence[str]) -> None:
    """Print scores, failures and where the files are, in a few lines.

    `then`: what scores an unscored run; `places`: the options with which `report` finds its data and tasks.
    """
    if result.scores is None:
        failures = f", {pluralize(result.failed, 'request')} failed" if result.failed else ""
        again = "; --retry-failed asks them again" if result.failed else ""
        print("\n".join(paragraph(f"nothing is scored yet{failures}{again}; {then}", terminal_width())))
        print(f"run folder: {result.folder}")
        return
    from emma_eval.reports.run_summary import run_summary

    print()
    published = result.leaderboard.published_beside() if result.leaderboard else None
    for line in run_summary(result.scores, result.folder, terminal_width(), published, places):
        print(printable(line))


def run_name(text: str) -> str:
    """The type of --name."""
    from emma_eval.runs.settings import run_name

    return _parsed(run_name, text)


def error_limit(text: str) -> ErrorLimit:
    """The type of --max-errors: `5` or `2.5%`."""
    from emma_eval.runs.settings import ErrorLimit

    return _parsed(ErrorLimit.parse, text)


def shard(text: str) -> Shard:
    """The type of --shard: `3/8`."""
    from emma_eval.runs.settings import Shard

    return _parsed(Shard.parse, text)


def _parsed(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def task_values(option: str, arguments: Sequence[str], tasks: Sequence[str]) -> Mapping[str, str]:
    """`T=VALUE` arguments as a mapping. Raises UserError for another form or a task that is not run."""
    from emma_eval.runs.settings import require_run

    values = {}
    for text in arguments:
        task, equals, value = text.partition("=")
        if not (equals and task and value):
            raise UserError(f"{option} {text}: TASK=VALUE is expected")
        require_run(task, tasks, f"{option} {text}")
        values[task] = value
    return values


def files_by_task(arguments: Sequence[str], tasks: Sequence[str]) -> Mapping[str, Mapping[str, Path]]:
    """`T.KEY=PATH` arguments as task -> key -> path. Raises UserError for another form or a task that is not run."""
    from emma_eval.runs.settings import require_run

    files: dict[str, dict[str, Path]] = {}
    for text in arguments:
        name, equals, path = text.partition("=")
        task, dot, key = name.partition(".")
        if not (equals and dot and key and path):
            raise UserError(f"--file {text}: TASK.KEY=PATH is expected, as in --file pope.random=random.json")
        require_run(task, tasks, f"--file {text}")
        files.setdefault(task, {})[key] = Path(path)
    return files
