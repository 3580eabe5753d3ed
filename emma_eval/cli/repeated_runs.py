"""What `ablate`, `analyze`, `noise` and `robustness` share: what is asked, and how, in each run that they make."""

from __future__ import annotations

import argparse
import signal
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import (
    ASKING,
    add_model_option,
    add_task_options,
    expand_and_tell,
    integer,
    positive,
    positive_or,
)
from emma_eval.cli.interrupts import interrupt

if TYPE_CHECKING:
    from emma_eval.runs.settings import RunSettings


def add_subset_options(parser: argparse.ArgumentParser) -> None:
    """Declare --limit and --seed."""
    parser.add_argument("--limit", type=positive, metavar="N", help="ask only the first N samples of each task")
    parser.add_argument("--seed", type=integer, metavar="S", help="with --limit, draw the N samples by this seed")


def add_asking_options(parser: argparse.ArgumentParser) -> None:
    """Declare where tasks and data are, and how the model is asked."""
    data = add_task_options(parser, data="the folder that holds the official benchmark files")
    data.add_argument("--allow-partial", action="store_true", help="accept data that lack samples")
    group = parser.add_argument_group(ASKING)
    add = group.add_argument
    add("--batch-size", type=positive_or("auto"), default="auto", metavar="N|auto", help="requests at a time (auto)")
    add("--device", help="cpu, cuda, cuda:1, ... (a GPU if there is one)")
    add("--dtype", help="float32, float16 or bfloat16 (as for `run`)")
    add_model_option(group)


def settings_of(args: argparse.Namespace, limit: int | None) -> RunSettings:
    """The settings of the runs. A SIGTERM ends them as Ctrl-C does. Raises UserError for an unknown task."""
    from emma_eval.runs.settings import RunSettings, split_names

    signal.signal(signal.SIGTERM, interrupt)
    names = split_names(args.tasks)
    tasks = tuple(expand_and_tell(names))
    from emma_eval.models.base import ModelSpec

    return RunSettings(
        model=ModelSpec(args.model, args.device, args.dtype, dict(args.model_option), args.seed or 0),
        tasks=tasks,
        suite="+".join(names),
        data=args.data,
        limit=limit,
        seed=args.seed,
        batch_size=args.batch_size,
        allow_partial=args.allow_partial,
    )
