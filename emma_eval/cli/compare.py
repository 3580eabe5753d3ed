"""`compare RUN_A RUN_B`: tests task by task whether the second run is better than the first, on the same samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import positive, require_place

EPILOG = """\
examples:
  emma-eval compare results/runs/llava-mini-* results/runs/emma-mini-*
  emma-eval compare A B --task gqa --flips 20 --json comparison.json

Positive differences mean that RUN_B is higher. p is from McNemar's exact test for right/wrong scores of independent
samples, else from a paired bootstrap over images (image pairs, questions); `p, Holm` is corrected for the
number of tasks. A run is given by its folder, or by the file of a baseline."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("first", type=Path, metavar="RUN_A", help="the run compared with")
    add("second", type=Path, metavar="RUN_B", help="the run that may be better")
    add("--task", "-t", action="append", default=[], metavar="T", help="only this task; may be repeated")
    add("--intersect", action="store_true", help="where samples, splits or protocols differ, compare shared samples")
    add("--flips", type=positive, metavar="N", help="list up to N samples won and N lost for each task")
    add("--json", type=Path, metavar="OUT", help="write every metric and every flipped sample to this file")


def run(args: argparse.Namespace) -> int:
    """Print the comparison. Raises UserError for runs that can't be compared."""
    import json

    from emma_eval.analysis.compare import compare_runs, holm_over_tasks
    from emma_eval.reports.comparability import template_notes
    from emma_eval.reports.comparison import as_json, comparison_lines, flip_lines
    from emma_eval.results.baseline import read_run_or_baseline
    from emma_eval.results.run_labels import labels
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.terminal import paragraph, terminal_width

    require_place("--json", args.json)
    (first_run, first), (second_run, second) = read_run_or_baseline(args.first), read_run_or_baseline(args.second)
    first_name, second_name = labels([first_run, second_run])
    names = first_name, second_name
    comparisons = compare_runs(first, second, args.task, intersect=args.intersect)
    corrected = holm_over_tasks(comparisons)
    if args.json:
        content = json.dumps(as_json(comparisons, corrected, names), ensure_ascii=False, indent=1)
        write_atomic(args.json, content + "\n")
    width = terminal_width()
    asked = ((name, task.record.template) for name, tasks in zip(names, (first, second), strict=True) for task in tasks)
    notes = list(template_notes(asked))
    compared = {comparison.task for comparison in comparisons}
    not_shared = [task.task for task in (*first, *second) if task.task not in compared]
    if not_shared and not args.task:
        notes.append(f"in one run only: {', '.join(not_shared)}")
    if args.flips:
        notes += [line for comparison in comparisons for line in flip_lines(comparison, args.flips)]
    print(*comparison_lines(comparisons, corrected, names, width), sep="\n")
    for note in notes:
        print(*paragraph(note, width, rest="    "), sep="\n")
    return 0
