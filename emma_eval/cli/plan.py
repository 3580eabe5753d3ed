"""`plan TASK --detect POINTS`: how many samples it takes to tell two models apart."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError

if TYPE_CHECKING:
    from emma_eval.analysis.sample_size import SamplePlan
    from emma_eval.results.sample_statistics import TaskStatistics

EPILOG = """\
examples:
  emma-eval plan pope --detect 1                                    by an assumed disagreement of 15%
  emma-eval plan gqa --detect 0.5 --disagreement 0.08
  emma-eval plan gqa --runs results/runs/llava-* results/runs/emma-*     by what these two disagree on
  emma-eval plan gqa --runs results/runs/emma-* --power 0.9 --noise noise.json

Both models answer the same samples and are compared as `compare` does. Two runs tell best what to expect; one run
tells how its task's images and metric spread. Methods: docs/statistics.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("task", metavar="TASK", help="the task's name")
    add("--detect", type=points, default=1.0, metavar="POINTS", help="the difference that is to be told (%(default)g)")
    add("--runs", nargs="+", type=Path, default=[], metavar="RUN", help="one or two runs (or baselines) of the task")
    add("--disagreement", type=share, metavar="D", help="the share of samples that two models score differently: 0.12")
    add("--power", type=share, default=0.8, metavar="P", help="how often the difference is to be found (%(default)g)")
    add("--alpha", type=share, default=0.05, metavar="A", help="the level of the two-sided test (%(default)g)")
    add("--noise", type=Path, metavar="FILE", help="what the command noise wrote")
    add_task_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the plan. Raises UserError for runs that do not have the task, and for options that contradict."""
    from emma_eval.reports.sample_size import plan_lines
    from emma_eval.results.noise import read_noise
    from emma_eval.stats.power import PowerSettings
    from emma_eval.utils.terminal import terminal_width

    if args.power <= args.alpha:
        raise UserError(f"--power {args.power:g}: more than --alpha {args.alpha:g} is expected")
    noise = read_noise(args.noise) if args.noise else None
    if noise is not None and noise.of(args.task) is None:
        raise UserError(
            f"--noise {args.noise}: it is of {', '.join(one.task for one in noise.tasks)}, not of {args.task}"
        )
    plan = _plan(args)
    settings = PowerSettings(args.alpha, args.power)
    print(*plan_lines(plan, args.detect, settings, noise, terminal_width()), sep="\n")
    return 0


def _plan(args: argparse.Namespace) -> SamplePlan:
    from emma_eval.analysis.sample_size import plan_by_disagreement, plan_by_one_run, plan_by_runs
    from emma_eval.tasks.loading import load_task

    task = load_task(args.task)
    sizes = task.expected.samples
    if len(args.runs) > 2 or (len(args.runs) == 2 and args.disagreement is not None):
        raise UserError("--runs: two runs, or one with or without --disagreement, are expected")
    runs = [_statistics(path, args.task) for path in args.runs]
    if len(runs) == 2:
        return plan_by_runs(runs[0], runs[1], sizes)
    if runs:
        return plan_by_one_run(runs[0], args.disagreement, sizes)
    return plan_by_disagreement(task.name, task.metric, args.disagreement, sizes)


def _statistics(path: Path, task: str) -> TaskStatistics:
    """The task of a run or baseline. Raises UserError if it is not there."""
    from emma_eval.results.baseline import read_run_or_baseline
    from emma_eval.utils.text import did_you_mean

    found = {one.task: one for one in read_run_or_baseline(path)[1]}
    if task not in found:
        raise UserError(f"{path} has no scores of task {task!r}{did_you_mean(task, found)}")
    return found[task]


def points(text: str) -> float:
    """The type of --detect: a positive number."""
    return _between_0_and(1e6, text, "is not a number of points above 0")


def share(text: str) -> float:
    """The type of shares: above 0 and below 1."""
    return _between_0_and(1, text, "is not a share above 0 and below 1, such as 0.05")


def _between_0_and(bound: float, text: str, complaint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < bound:
        raise argparse.ArgumentTypeError(f"{text!r} {complaint}")
    return value
