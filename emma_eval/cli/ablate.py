"""`ablate MODEL --tasks T,...`: variants of a checkpoint, each compared with the full model on the same samples."""

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

DEFAULT_TASKS = "mini"
EPILOG = """\
examples:
  emma-eval ablate emma-mini --tasks vqav2_mini,pope_mini --output ablation
  emma-eval ablate /models/emma-7b --tasks pope --data ROOT --limit 2000 --output DIR \\
      --variants alignment_off,text_off,other_instruction
  emma-eval ablate emma-mini --tasks pope_mini --variants mine.yaml --output DIR

Each variant is a run of its own in DIR/VARIANT, the model as it is in DIR/full; interrupted, the same command goes on.
Tables go to ablation.md and ablation.json. Variants, and how to write one: docs/analysis.md. exit codes: 0 all
answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("model", metavar="MODEL", help="a checkpoint of EMMA or LLaVA, as `run --model` takes it")
    add("--tasks", "-t", default=DEFAULT_TASKS, metavar="T,...", help="tasks and groups (%(default)s)")
    add_task_options(parser, data="the folder that holds the official benchmark files")
    add("--output", "-o", type=Path, required=True, metavar="DIR", help="the folder of all runs and of the tables")
    add("--variants", metavar="FILE|V,...", help="a YAML file of variants, or names of shipped ones (all of them)")
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
    """Run and compare the variants; 1 if a sample failed. Raises UserError for what can't be ablated."""
    from emma_eval.interpretability.variants import choose_variants
    from emma_eval.runs.settings import RunSettings, split_names

    signal.signal(signal.SIGTERM, interrupt)
    variants = choose_variants(args.variants)
    names = split_names(args.tasks)
    tasks = tuple(expand_and_tell(names))
    from emma_eval.interpretability.ablation import plan_ablation, run_ablation
    from emma_eval.interpretability.ablation_tables import ablation_lines, ablation_markdown
    from emma_eval.models.base import ModelSpec
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.records import to_json
    from emma_eval.utils.terminal import terminal_width

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
    plan = plan_ablation(settings.model, variants, chosen=args.variants is not None)
    folder: Path = args.output
    ablation = run_ablation(plan, settings, folder, progress_for_terminal)
    write_atomic(folder / "ablation.json", to_json(ablation))
    write_atomic(folder / "ablation.md", ablation_markdown(ablation))
    print(*ablation_lines(ablation, terminal_width()), sep="\n")
    print(f"written: {folder / 'ablation.json'}, {folder / 'ablation.md'}")
    return 1 if ablation.failed else 0
