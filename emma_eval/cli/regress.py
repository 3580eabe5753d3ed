"""`regress RUN --baseline FILE`: a gate for CI; fails if a run is significantly worse than the baseline."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from emma_eval.cli.arguments import require_place

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
EPILOG = """\
example:
  emma-eval regress results/runs/emma-mini-mini-* --baseline results/baselines/emma-mini.json.xz --junit regression.xml

A metric has regressed when a paired test on the same samples says so (p below alpha, 0.05, after Holm's correction over
all metrics) and the loss is at least the smallest effect (1% of the metric's full range); --tolerances sets both:

  alpha: 0.01
  smallest_effect: 2.0
  tasks:
    pope_mini: {smallest_effect: 3.0, metrics: {recall: 5.0}}

An alpha of 1 skips the test: for a deterministic model every change of the smallest effect counts. With
`changed: 1.5` the gate also fails if more than 1.5% of a task's answers are parsed differently.

exit codes: 0 passed, 1 regressed, changed or no longer comparable with the baseline, 2 usage error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="a finished run's folder")
    add("--baseline", "-b", type=Path, required=True, metavar="FILE", help="what `baseline` wrote")
    add("--task", "-t", action="append", default=[], metavar="T", help="only this task; may be repeated")
    add("--tolerances", type=Path, metavar="YAML", help="alpha and smallest effects, for all or for single tasks")
    add("--all", "--verbose", action="store_true", help="also a table of every metric, those that passed among them")
    add("--junit", type=Path, metavar="XML", help="write the verdicts as JUnit XML")
    add("--markdown", type=Path, metavar="MD", help=f"write them as Markdown; also appended to ${SUMMARY_VARIABLE}")


def run(args: argparse.Namespace) -> int:
    """Print and write the verdicts; 1 if the gate fails. Raises UserError for files that can't be read."""
    from emma_eval.analysis.regression_gate import judge, read_tolerances
    from emma_eval.reports.gate import gate_lines, gate_markdown, junit
    from emma_eval.results.baseline import read_run_or_baseline
    from emma_eval.results.run_labels import labels
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.terminal import terminal_width

    require_place("--junit", args.junit)
    require_place("--markdown", args.markdown)
    step_summary = os.environ.get(SUMMARY_VARIABLE)
    require_place(f"${SUMMARY_VARIABLE}", Path(step_summary) if step_summary else None)
    (old, baseline), (new, run) = read_run_or_baseline(args.baseline), read_run_or_baseline(args.run)
    result = judge(run, baseline, read_tolerances(args.tolerances), args.task)
    old_name, new_name = labels([old, new])
    names = old_name, new_name
    if args.junit:
        write_atomic(args.junit, junit(result))
    if args.markdown:
        write_atomic(args.markdown, gate_markdown(result, names))
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(gate_markdown(result, names))
    print(*gate_lines(result, names, terminal_width(), everything=args.all), sep="\n")
    return int(result.failed)
