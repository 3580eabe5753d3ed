"""`robustness MODEL --tasks T,...`: how answers change when questions, options or images do."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from emma_eval.cli.arguments import (
    add_task_options,
    expand_and_tell,
    integer,
    key_value,
    positive,
    positive_or,
)
from emma_eval.cli.interrupts import interrupt

EPILOG = """\
examples:
  emma-eval robustness emma-mini --tasks pope_mini,mmbench_mini --output robust
  emma-eval robustness /models/emma-7b --tasks pope --data ROOT --output DIR \\
      --variants leading,negated,rephrased_see
  emma-eval robustness emma-mini --tasks pope_mini --variants mine.yaml --output DIR

Each variant is a run of its own in DIR/VARIANT, the tasks as they are in DIR/original; interrupted, the same command
goes on. What is found goes to DIR/robustness.md, .csv, .json and .html. Variants, and how to write one:
docs/robustness.md. exit codes: 0 all answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("model", metavar="MODEL", help="any model, as `run --model` takes it")
    add("--tasks", "-t", required=True, metavar="T,...", help="tasks and groups")
    add_task_options(parser, data="the folder that holds the official benchmark files")
    add("--output", "-o", type=Path, required=True, metavar="DIR", help="the folder of all runs and of the tables")
    add("--variants", metavar="FILE|V,...", help="a YAML file of variants, or names of shipped ones or of families")
    add("--limit", type=positive, metavar="N", help="ask only the first N samples of each task")
    add("--seed", type=integer, metavar="S", help="with --limit, draw the N samples by this seed")
    add("--batch-size", type=positive_or("auto"), default="auto", metavar="N|auto", help="requests at a time (auto)")
    add("--device", help="cpu, cuda, cuda:1, ... (a GPU if there is one)")
    add("--dtype", help="float32, float16 or bfloat16 (as for `run`)")
    add("--allow-partial", action="store_true", help="accept data that lack samples")
    add(
        "--model-option",
        action="append",
        default=[],
        type=key_value,
        metavar="K=V",
        help="an option of the model's own",
    )


def run(args: argparse.Namespace) -> int:
    """Run and compare the variants; 1 if a sample failed. Raises UserError for what can't be asked."""
    from emma_eval.robustness.variants import choose_variants
    from emma_eval.runs.settings import RunSettings, split_names

    signal.signal(signal.SIGTERM, interrupt)
    variants = choose_variants(args.variants)
    names = split_names(args.tasks)
    tasks = tuple(expand_and_tell(names))
    from emma_eval.models.base import ModelSpec
    from emma_eval.reports.sections import section_lines
    from emma_eval.robustness.output import write_robustness
    from emma_eval.robustness.running import plan_robustness, run_robustness
    from emma_eval.robustness.tables import robustness_sections, robustness_sentence
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.utils.terminal import paragraph, terminal_width

    settings = RunSettings(
        model=ModelSpec(args.model, args.device, args.dtype, dict(args.model_option), args.seed or 0),
        tasks=tasks,
        suite="+".join(names),
        data=args.data,
        limit=args.limit,
        seed=args.seed,
        batch_size=args.batch_size,
        allow_partial=args.allow_partial,
    )
    folder: Path = args.output
    outcome = run_robustness(plan_robustness(settings, variants), folder, progress_for_terminal)
    result = outcome.result
    sections = robustness_sections(result)
    written = write_robustness(outcome, sections, folder)
    width = terminal_width()
    print(*section_lines(sections, width), *paragraph(robustness_sentence(result), width), sep="\n")
    first, *others = written
    print(f"written: {first}", *paragraph(f"beside it: {', '.join(path.name for path in others)}", width), sep="\n")
    return 1 if result.failed else 0
