"""`robustness MODEL --tasks T,...`: how answers change when questions, options or images do."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.repeated_runs import add_asking_options, add_subset_options, settings_of

EPILOG = """\
examples:
  emma-eval robustness emma-mini --tasks pope_mini,mmbench_mini --output robust
  emma-eval robustness /models/emma-7b --tasks pope --data ROOT --output DIR \\
      --variants leading,negated,rephrased_see
  emma-eval robustness emma-mini --tasks pope_mini --variants mine.yaml --output DIR

Each variant is a run of its own in DIR/VARIANT, the tasks as they are in DIR/original; interrupted, the same command
goes on. What is found goes to DIR/robustness.md, .csv, .json and .html. Variants, and how to write one:
docs/robustness.md.
exit codes: 0 all answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("model", metavar="MODEL", help="any model, as `run --model` takes it")
    add("--tasks", "-t", required=True, metavar="T,...", help="tasks and groups")
    add("--output", "-o", type=Path, required=True, metavar="DIR", help="the folder of all runs and of the tables")
    add("--variants", metavar="FILE|V,...", help="a YAML file of variants, or names of shipped ones or of families")
    add_subset_options(parser)
    add_asking_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run and compare the variants; 1 if a sample failed. Raises UserError for what can't be asked."""
    from emma_eval.robustness.variants import choose_variants

    variants = choose_variants(args.variants)
    settings = settings_of(args, args.limit)
    from emma_eval.reports.sections import section_lines
    from emma_eval.robustness.output import write_robustness
    from emma_eval.robustness.running import plan_robustness, run_robustness
    from emma_eval.robustness.tables import robustness_sections, robustness_sentence
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.utils.terminal import paragraph, terminal_width

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
