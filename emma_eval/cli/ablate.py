"""`ablate MODEL --tasks T,...`: variants of a checkpoint, each compared with the full model on the same samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.repeated_runs import add_asking_options, add_subset_options, settings_of

DEFAULT_TASKS = "mini"
EPILOG = """\
examples:
  emma-eval ablate emma-mini --tasks vqav2_mini,pope_mini --output ablation
  emma-eval ablate /models/emma-7b --tasks pope --data ROOT --limit 2000 --output DIR \\
      --variants alignment_off,text_off,other_instruction
  emma-eval ablate emma-mini --tasks pope_mini --variants mine.yaml --output DIR

Each variant is a run of its own in DIR/VARIANT, the model as it is in DIR/full; interrupted, the same command goes on.
Tables go to ablation.md and ablation.json. Variants, and how to write one: docs/analysis.md.
exit codes: 0 all answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("model", metavar="MODEL", help="a checkpoint of EMMA or LLaVA, as `run --model` takes it")
    add("--tasks", "-t", default=DEFAULT_TASKS, metavar="T,...", help="tasks and groups (%(default)s)")
    add("--output", "-o", type=Path, required=True, metavar="DIR", help="the folder of all runs and of the tables")
    add("--variants", metavar="FILE|V,...", help="a YAML file of variants, or names of shipped ones (all of them)")
    add_subset_options(parser)
    add_asking_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run and compare the variants; 1 if a sample failed. Raises UserError for what can't be ablated."""
    from emma_eval.interpretability.variants import choose_variants

    variants = choose_variants(args.variants)
    settings = settings_of(args, args.limit)
    from emma_eval.interpretability.ablation import plan_ablation, run_ablation
    from emma_eval.interpretability.ablation_tables import ablation_lines, ablation_markdown
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.records import to_json
    from emma_eval.utils.terminal import terminal_width

    plan = plan_ablation(settings.model, variants, chosen=args.variants is not None)
    folder: Path = args.output
    ablation = run_ablation(plan, settings, folder, progress_for_terminal)
    write_atomic(folder / "ablation.json", to_json(ablation))
    write_atomic(folder / "ablation.md", ablation_markdown(ablation))
    print(*ablation_lines(ablation, terminal_width()), sep="\n")
    print(f"written: {folder / 'ablation.json'}, {folder / 'ablation.md'}")
    return 1 if ablation.failed else 0
