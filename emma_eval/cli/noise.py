"""`noise MODEL --tasks T,...`: asks twice, batched or computed in another way, and counts the answers that change."""

from __future__ import annotations

import argparse
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import (
    ASKING,
    add_model_options,
    add_task_options,
    expand_and_tell,
    named_options,
    positive,
    positive_or,
)
from emma_eval.cli.interrupts import interrupt
from emma_eval.cli.repeated_runs import add_subset_options
from emma_eval.errors import UserError

if TYPE_CHECKING:
    from emma_eval.results.noise import Noise
    from emma_eval.runs.settings import RunSettings

DEFAULT_TASKS = "mini"
SERVER = "openai:"  # makes its own batches, so that asking again is enough
EPILOG = """\
examples:
  emma-eval noise emma-mini                                               one by one, against batches
  emma-eval noise models/emma-7b --tasks pope,gqa --data ROOT --dtype bfloat16 --limit 2000
  emma-eval noise models/emma-7b --tasks pope --data ROOT --dtype float32 --dtype-b bfloat16

The model is asked twice, as `run` asks it, in the folders first and second; interrupted, the same command goes on. What
differs goes to noise.json, which `compare --noise` and `plan --noise` take: a difference between two models that noise
alone could make is none.
exit codes: 0 all answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("model", metavar="MODEL", help="as `run --model` takes it")
    add("--tasks", "-t", default=DEFAULT_TASKS, metavar="T,...", help="tasks and groups (%(default)s)")
    add("--output", "-o", type=Path, metavar="DIR", help="the folder of both runs (results/noise/MODEL-TASKS-HASH)")
    add_subset_options(parser)
    data = add_task_options(parser, data="the folder that holds the official benchmark files")
    data.add_argument("--allow-partial", action="store_true", help="accept data that lack samples")
    asking = parser.add_argument_group(ASKING)
    add = asking.add_argument
    add("--batch-size", type=positive_or("auto"), default="auto", metavar="N|auto", help="the first time (auto)")
    add(
        "--batch-size-b",
        type=positive_or("auto"),
        metavar="N|auto",
        help="the second time (1; with --dtype-b the same)",
    )
    add("--device", help="cpu, cuda, cuda:1, ... (a GPU if there is one)")
    add("--dtype", help="the first time: float32, float16 or bfloat16 (as for `run`)")
    add("--dtype-b", help="the second time (the same)")
    add("--replicas", type=positive, metavar="N", help="copies of the model that answer, as for `run` (1)")
    add_model_options(asking)


def run(args: argparse.Namespace) -> int:
    """Ask twice, write noise.json and print it; 1 if a sample failed. Raises UserError if nothing would differ."""
    from emma_eval.analysis.noise import measure_noise, require_batch_size
    from emma_eval.models import find_model
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.runs.runner import run_evaluation
    from emma_eval.runs.settings import default_folder
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.records import to_json

    signal.signal(signal.SIGTERM, interrupt)
    first = _settings(args)
    model = find_model(first.model)
    second = _second(args, first)
    if first == second and not args.model.startswith(SERVER):
        raise UserError(
            "both runs would be asked alike, so nothing would differ: give the second --batch-size-b or --dtype-b"
        )
    name = f"{default_folder(first, model.deciding_options).name}-{second.batch_size}-{second.model.dtype or 'auto'}"
    folder: Path = args.output or default_folder(first).parent.parent / "noise" / name
    both = ((first, folder / "first"), (second, folder / "second"))
    for settings, place in both:
        require_batch_size(place, settings.batch_size)
    failed = sum(
        run_evaluation(settings, place, progress_for_terminal(), find_model(settings.model)).failed
        for settings, place in both
    )
    noise = measure_noise(*(place for _, place in both))
    write_atomic(folder / "noise.json", to_json(noise))
    print_noise(noise)
    print(f"written: {folder / 'noise.json'}")
    return 1 if failed else 0


def print_noise(noise: Noise) -> None:
    """A table of the tasks, and what was different between the two times."""
    from emma_eval.utils.terminal import Column, paragraph, table_lines, terminal_width

    width = terminal_width()
    columns = (
        Column("task"),
        Column("answers", right=True),
        Column("changed, 95% interval", right=True),
        Column("samples", right=True, drop=1),
        Column("scores changed, 95% int.", right=True),
    )
    rows = [
        (
            one.task,
            f"{one.answers:,}",
            _share(one.changed_answers, one.answer_share, one.answer_interval),
            f"{one.samples:,}",
            _share(one.changed_scores, one.score_share, one.score_interval),
        )
        for one in noise.tasks
    ]
    first, second = (
        f"batch size {how.batch_size}{f', {how.dtype}' if how.dtype else ''}" for how in (noise.first, noise.second)
    )
    print(*paragraph(f"{noise.model.name}, asked twice: {first}; {second}", width), "", sep="\n")
    print(*table_lines(columns, rows, width), sep="\n")


def _share(count: int, share: float, interval: tuple[float, float]) -> str:
    low, high = (f"{100 * bound:.2f}" for bound in interval)
    return f"{count:,} = {share:.2%} [{low}, {high}]"


def _settings(args: argparse.Namespace) -> RunSettings:
    """Of the first time."""
    from emma_eval.inference.replicas.loading import Scale
    from emma_eval.models.base import ModelSpec
    from emma_eval.runs.settings import RunSettings, split_names

    names = split_names(args.tasks)
    return RunSettings(
        model=ModelSpec(args.model, args.device, args.dtype, named_options(args), args.seed or 0),
        tasks=tuple(expand_and_tell(names)),
        suite="+".join(names),
        data=args.data,
        limit=args.limit,
        seed=args.seed,
        batch_size=args.batch_size,
        allow_partial=args.allow_partial,
        scale=Scale(args.replicas),
    )


def _second(args: argparse.Namespace, first: RunSettings) -> RunSettings:
    """Of the second time."""
    alike = args.dtype_b or args.model.startswith(SERVER)
    size = args.batch_size_b or (first.batch_size if alike else 1)
    return replace(first, batch_size=size, model=replace(first.model, dtype=args.dtype_b or args.dtype))
