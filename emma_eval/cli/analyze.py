"""`analyze MODEL --tasks T,...`: what a checkpoint's alignment does, in its weights and on the samples of tasks."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import integer, positive_or
from emma_eval.cli.repeated_runs import add_asking_options, settings_of

DEFAULT_TASKS = "mini"
SAMPLES = 500
EPILOG = """\
examples:
  emma-eval analyze emma-mini --tasks vqav2_mini,pope_mini --output analysis
  emma-eval analyze /models/emma-7b --tasks pope --data ROOT --samples 1000 --output DIR
  emma-eval analyze llava-mini --tasks pope_mini --sections information --output DIR

The tasks are answered in DIR/run, an ordinary run, and the samples of one image are analyzed. Results: index.html,
analysis.json, tables/ and arrays/ as CSV, figures/ as PNG, SVG and PDF. Interrupted, the same command goes on.
Formulas, sources and limits of every number: docs/analysis.md.
exit codes: 0 all answered, 1 a sample failed, 2 usage error, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    from emma_eval.interpretability.analysis.sections import SECTIONS

    parser.epilog = EPILOG
    add = parser.add_argument
    add("model", metavar="MODEL", help="a checkpoint of EMMA, LLaVA or mPLUG-Owl2, as `run --model` takes it")
    add("--tasks", "-t", default=DEFAULT_TASKS, metavar="T,...", help="tasks and groups (%(default)s)")
    add("--output", "-o", type=Path, required=True, metavar="DIR", help="the folder of the run and of all results")
    add("--sections", metavar="S,...", help=f"which of {', '.join(SECTIONS)} (all of them)")
    add(
        "--samples",
        type=positive_or("all"),
        default=SAMPLES,
        metavar="N|all",
        help="samples of each task, drawn by --seed (%(default)s)",
    )
    add("--seed", type=integer, default=0, metavar="S", help="of the samples and of all that is drawn (%(default)s)")
    add(
        "--show",
        action="append",
        default=[],
        metavar="ID",
        help="a sample to be drawn; may be repeated (3 of each task)",
    )
    add_asking_options(parser)


def run(args: argparse.Namespace) -> int:
    """Analyze and write; 1 if a sample failed. Raises UserError for what can't be analyzed."""
    from emma_eval.interpretability.analysis.sections import choose_sections

    sections = choose_sections(args.sections)
    settings = settings_of(args, None if args.samples == "all" else args.samples)
    from emma_eval.interpretability.analysis.analyze import plan_analysis, run_analysis
    from emma_eval.interpretability.analysis.writing import write_analysis
    from emma_eval.reports.analysis_notes import analysis_lines
    from emma_eval.runs.progress import progress_for_terminal
    from emma_eval.utils.terminal import terminal_width

    folder: Path = args.output
    plan = plan_analysis(settings.model, sections, chosen=args.sections is not None)
    analysis = run_analysis(plan, settings, folder, progress_for_terminal(), args.show)
    record = write_analysis(analysis, plan, settings, folder)
    print(*analysis_lines(record, terminal_width()), sep="\n")
    print(f"written: {folder / 'index.html'}\nbeside it: analysis.json, tables, arrays, figures, run")
    return 1 if analysis.failed else 0
